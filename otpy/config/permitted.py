"""Whether this node may start children as the tree says: users, limits, directories, programs.

Only what the system knows now is checked; what changes until a child starts fails that start.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from otpy.config.fields import (
    CommandChild,
    InheritableFields,
    ServerFields,
    SupervisorFields,
    SurroundingsFields,
    Tree,
)
from otpy.config.mistakes import Loc, Mistake, show
from otpy.config.specs import surroundings_of
from otpy.core.log import Log, LogFile, LogTo
from otpy.core.probes import ExecProbe, LogProbe, Probe
from otpy.core.sockets import SocketSpec
from otpy.core.surroundings import NODES, Surroundings
from otpy.system import permissions
from otpy.system.accounts import NoAccount, account_of, gid_of, uid_of
from otpy.system.environment import BadFile, environment
from otpy.system.search_path import folders_of_child


@dataclass(frozen=True, slots=True)
class Placed:
    """A supervisor, a child or a template at its place in the file.

    Attributes:
        own: What is said of its surroundings where it stands.
        surroundings: That, with what it inherits.
        own_log: What is said of its log where it stands.
        log: That, with what it inherits.
    """

    at: Loc
    fields: SurroundingsFields
    own: Surroundings
    surroundings: Surroundings
    own_log: Log | None = None
    log: Log | None = None


def placed_fields(tree: Tree, folder: str) -> Iterator[Placed]:
    """Yield everything in a tree, with its surroundings; relative paths start from `folder`."""
    waiting: list[tuple[Loc, SurroundingsFields, Surroundings, Log | None]] = []
    waiting.append(((), tree, NODES, None))
    while waiting:
        at, fields, above, log = waiting.pop()
        own = surroundings_of(fields).in_folder(folder)
        surroundings = own.inherit(above)
        own_log = _log(fields, folder)
        log = log if own_log is None else own_log
        yield Placed(at, fields, own, surroundings, own_log, log)
        if isinstance(fields, SupervisorFields):
            for i, child in enumerate(fields.children):
                waiting.append(((*at, "children", i), child, surroundings, log))
            if fields.template is not None:
                waiting.append(((*at, "template"), fields.template, surroundings, log))


def mistakes(each: Placed) -> Iterator[Mistake]:
    """Find what this node may not give to a child, and what it cannot find."""
    for key, text in (*_of_account(each), *_of_process(each.own, each.fields.cwd)):
        yield Mistake((*each.at, *key), text)
    yield from _of_log(each)
    if isinstance(each.fields, SupervisorFields):
        yield from _of_sockets(each.at, each.fields.sockets)
    for key, program in _programs(each.fields):
        yield from _missing_program(each, key, program)


def _programs(fields: SurroundingsFields) -> Iterator[tuple[Loc, str]]:
    """Yield the programs that a child needs, each with its place."""
    if isinstance(fields, CommandChild):
        yield ("command", 0), fields.command[0]
    if isinstance(fields, CommandChild | ServerFields):
        asked = {"ready": fields.ready, "health": fields.health and fields.health.probe}
        for key, probe in asked.items():
            if isinstance(probe, Probe) and isinstance(probe.question, ExecProbe):
                yield (key, "exec", 0), probe.question.argv[0]


def _log(fields: SurroundingsFields, folder: str) -> Log | None:
    log = fields.log if isinstance(fields, InheritableFields) else None
    return log.in_folder(folder) if isinstance(log, LogFile) else log


def _of_log(each: Placed) -> Iterator[Mistake]:
    """Find why a child cannot log as it is to."""
    file = each.own_log.file if isinstance(each.own_log, LogFile) else None
    if file and (why := permissions.why_not_log_file(file)):
        yield Mistake((*each.at, "log", "file"), f"got {_written(each)}, expected {why}")
    ready = getattr(each.fields, "ready", None)
    if each.log is LogTo.INHERIT and isinstance(ready, LogProbe):
        expected = "another sign: with log: inherit no process of otpy's reads its output"
        text = f"got {show(ready.pattern)}, expected {expected}"
        yield Mistake((*each.at, "ready", "log"), text)


def _of_sockets(at: Loc, sockets: dict[str, SocketSpec]) -> Iterator[Mistake]:
    """Find users and groups of sockets' files that there are not."""
    for name, spec in sockets.items():
        for key, given, look_up in (("user", spec.user, uid_of), ("group", spec.group, gid_of)):
            try:
                if given is not None:
                    look_up(given)
            except NoAccount as error:
                text = f"got {show(given)}, but {error}"
                yield Mistake((*at, "sockets", name, key), text)


def _written(each: Placed) -> str:
    """Return how the file is written that it logs to, and which one that is."""
    log = each.fields.log if isinstance(each.fields, InheritableFields) else None
    assert isinstance(log, LogFile)
    assert isinstance(each.own_log, LogFile)
    full = each.own_log.file
    return show(log.file) if log.file == full else f"{show(log.file)} ({full})"


def search_folders(each: Placed) -> list[str]:
    """Return where the modules of a server are looked for first."""
    if not isinstance(each.fields, ServerFields) or each.surroundings == NODES:
        return []
    own = _environment(each.surroundings).get("PYTHONPATH")
    same = own == os.environ.get("PYTHONPATH")
    return folders_of_child(each.surroundings.cwd, None if same else own)


def _of_account(each: Placed) -> Iterator[tuple[Loc, str]]:
    own, all_ = each.own, each.surroundings
    if own.group is not None:
        try:
            gid_of(own.group)
        except NoAccount as error:
            yield ("group",), f"got {show(own.group)}, but {error}"
            return
    if own.user is None and own.group is None:
        return
    key = "group" if own.user is None else "user"
    given = own.group if own.user is None else own.user
    try:
        account = account_of(all_.user, all_.group)
    except NoAccount as error:
        yield (key,), f"got {show(given)}, but {error}"
        return
    assert account is not None
    if why := permissions.why_not_account(account, says_group=all_.group is not None):
        yield (key,), f"got {show(given)}, but {why}"


def _of_process(own: Surroundings, written: str | None) -> Iterator[tuple[Loc, str]]:
    if own.nice is not None and (why := permissions.why_not_nice(own.nice)):
        yield ("nice",), f"got {own.nice}, expected {why}"
    if own.cpu_affinity is not None and (why := permissions.why_not_cpus(own.cpu_affinity)):
        yield ("cpu_affinity",), f"got {', '.join(map(str, own.cpu_affinity))}, expected {why}"
    for name, limit in (own.limits or {}).items():
        if why := permissions.why_not_limit(name, limit.soft, limit.hard):
            got = limit.hard if limit.soft is None else limit.soft
            yield ("limits", name), f"got {got}, expected {why}"
    if own.cwd is not None and (why := permissions.why_not_folder(own.cwd)):
        where = "" if own.cwd == written else f" ({own.cwd})"
        yield ("cwd",), f"got {show(written)}{where}, expected {why}"


def _environment(given: Surroundings) -> dict[str, str]:
    """Return the environment of a child, as far as it is known now."""
    inherited = True if given.inherit_env is None else given.inherit_env
    try:
        return environment(os.environ, inherited, None, given.env_file or (), given.env or {})
    except BadFile:
        return environment(os.environ, inherited, None, (), given.env or {})


def _search_path(given: Surroundings) -> str:
    is_the_nodes = given.inherit_env in (None, True) and not given.env_file
    if is_the_nodes and "PATH" not in (given.env or {}):
        return os.environ.get("PATH", os.defpath)  # at once: there may be thousands of children
    return _environment(given).get("PATH", os.defpath)


def _missing_program(each: Placed, key: Loc, program: str) -> Iterator[Mistake]:
    given = each.surroundings
    path = None if given == NODES else _search_path(given)
    if given.cwd is not None and "/" in program:
        sought = os.path.join(given.cwd, program)  # noqa: PTH118  # as execvp(3) does
    else:
        sought = program
    if shutil.which(sought, path=path) is None:
        where = "in PATH" if path == os.environ.get("PATH") or path is None else f"in PATH, {path}"
        text = f"got {show(program)}, expected a program {where}"
        yield Mistake((*each.at, *key), text)
