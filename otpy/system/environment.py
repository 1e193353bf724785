"""The environment of a child: made of the node's, of files and of values; put in place."""

import os
from collections.abc import Iterable, Mapping
from typing import Final

from otpy.system.accounts import Account
from otpy.system.marks import VARIABLE

_OPTIONAL: Final = "?"
"""The last character of the path of a file that may be missing."""


class BadFile(Exception):
    """A file of variables cannot be read; the text says which, and why."""


def environment(
    node: Mapping[str, str],
    inherited: bool | Iterable[str],
    account: Account | None,
    files: Iterable[str],
    own: Mapping[str, str | None],
) -> dict[str, str]:
    """Return the environment of a process, but for its mark; what comes later wins.

    Args:
        node: The node's.
        inherited: Whether that is inherited, or which names of it.
        account: The user that the process is run as, if the tree says one.
        files: Paths of files in dotenv syntax; one that ends in ``?`` may be missing.
        own: Values by name; None removes the name.

    Raises:
        BadFile: A file cannot be read.
    """
    env = _inherited(node, inherited)
    if account is not None:
        env["HOME"] = account.home
        for name in ("USER", "LOGNAME"):
            env.pop(name, None)
            env |= {name: account.name} if account.name else {}
    for file in files:
        env |= _variables(file)
    for name, value in own.items():
        env.pop(name, None)
        env |= {} if value is None else {name: value}
    env.pop(VARIABLE, None)
    return env


def _inherited(node: Mapping[str, str], what: bool | Iterable[str]) -> dict[str, str]:
    if isinstance(what, bool):
        return dict(node) if what else {}
    return {name: node[name] for name in what if name in node}


def _variables(file: str) -> dict[str, str]:
    # Not above: only those that have such a file pay for it.
    from dotenv import dotenv_values  # noqa: PLC0415

    path = file.removesuffix(_OPTIONAL)
    try:
        with open(path, encoding="utf-8") as opened:  # noqa: PTH123  # as the kernel takes it
            found = dotenv_values(stream=opened, interpolate=True)
    except FileNotFoundError:
        if path != file:
            return {}
        raise BadFile(f"there is no file {path!r}") from None
    except UnicodeError:
        raise BadFile(f"{path!r} is not in UTF-8") from None
    except OSError as error:
        raise BadFile(f"{path!r} cannot be read: {error.strerror}") from None
    return {name: value for name, value in found.items() if value is not None}


def replace_environment(env: Mapping[str, str]) -> None:
    """Make `env` the environment of this process, in place; its mark stays where others read it."""
    for name in [name for name in os.environ if name != VARIABLE and name not in env]:
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
