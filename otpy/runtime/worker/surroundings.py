"""What a worker starts in, before it runs anything of the user's."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from otpy.core.surroundings import Surroundings
from otpy.runtime.worker.log_hook import set_log_level
from otpy.system.accounts import NoAccount, account_of, become
from otpy.system.environment import BadFile, environment, replace_environment
from otpy.system.limits import set_limit
from otpy.system.search_path import folders_of_child
from otpy.system.warnings import warn

_STDIN: Final = 0


class CannotEnter(Exception):
    """What a worker is to start in cannot be had; the text says what, and why."""


def enter_surroundings(given: Surroundings, supervisor: int) -> None:
    """Have this process start in `given`, and look for modules there first.

    What needs files or rights comes before these are given up: the account and the environment
    are read first, and the user changes after limits and priority.

    Args:
        given: What is to hold.
        supervisor: The pid of its supervisor, with which it dies.

    Raises:
        CannotEnter: What cannot be had, and why.
    """
    with _telling("user", given.user if given.user is not None else given.group):
        account = account_of(given.user, given.group)
    with _telling("env_file"):
        inherited = True if given.inherit_env is None else given.inherit_env
        user = None if given.user is None else account
        env = environment(os.environ, inherited, user, given.env_file or (), given.env or {})
    for name, limit in (given.limits or {}).items():
        with _telling(f"limits.{name}"):
            set_limit(name, limit.soft, limit.hard)
    if given.nice is not None:
        with _telling("nice", given.nice):
            os.setpriority(os.PRIO_PROCESS, 0, given.nice)
    if given.cpu_affinity is not None:
        with _telling("cpu_affinity"):
            os.sched_setaffinity(0, given.cpu_affinity)
    if given.umask is not None:
        os.umask(int(given.umask, 8))
    if account is not None:
        with _telling("group" if given.user is None else "user", given.user or given.group):
            become(account, supervisor)
    if given.cwd is not None:
        with _telling("cwd", given.cwd):
            os.chdir(given.cwd)
    _enter_environment(env, given.cwd)
    if given.log_level is not None:
        set_log_level(given.log_level)
    if given.stdin is not None:
        with _telling("stdin", given.stdin):
            _read_from(given.stdin)


def warn_of_unreadable_modules(given: Surroundings) -> None:
    """Say so if the user of a child in Python may not read the interpreter's modules.

    It starts all the same: what it needs may have been imported already.
    """
    folder = str(Path(os.__file__).parent)
    if given.user is not None and not os.access(folder, os.R_OK | os.X_OK):
        warn(f"user {given.user!r} may not read {folder}: it finds no more of Python's modules")


@contextmanager
def _telling(key: str, value: object = None) -> Iterator[None]:
    """Tell what the system refuses by the key that asked for it."""
    try:
        yield
    except (NoAccount, BadFile) as error:
        raise CannotEnter(f"{key}: {error}") from None
    except (OSError, ValueError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        said = "" if value is None else f" {value!r}:"
        raise CannotEnter(f"{key}:{said} {why}") from None


def _enter_environment(env: dict[str, str], cwd: str | None) -> None:
    nodes = os.environ.get("PYTHONPATH")
    replace_environment(env)
    own = env.get("PYTHONPATH")
    sys.path[:0] = folders_of_child(cwd, None if own == nodes else own)


def _read_from(path: str) -> None:
    opened = os.open(path, os.O_RDONLY | os.O_NOCTTY)
    try:
        os.dup2(opened, _STDIN)
    finally:
        os.close(opened)
