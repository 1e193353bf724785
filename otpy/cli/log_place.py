"""Find the log files of a node, which may not run, and what is known of its processes."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from otpy.errors import NodeNotFound, NoProcess, RuntimeDirError
from otpy.logs.selection import is_of
from otpy.system.nodedir import NodeDir, node_names, runtime_dir
from otpy.wire.paths import GATEWAY, NODE

if TYPE_CHECKING:
    from otpy.events import Event
    from otpy.logs.previous import Start
    from otpy.logs.sources import Source

_NODES_NUMBER: Final = 1
"""The incarnation of every node."""


def log_folder(name: str | None) -> NodeDir:
    """Return the directory of a node that has a log.

    Args:
        name: The node's; None for the only one that runs, or the only one that ever ran.

    Raises:
        NodeNotFound: There is none; or there are several, and no name was given.
        RuntimeDirError: The directory of the nodes cannot be used.
    """
    if name is None:
        name = _only(node_names(), "run") or _only(_logged(), "ran")
    if name is None:
        where = runtime_dir()
        raise NodeNotFound(f"no node runs, or ever ran, in {where}; start one with `otpy run`")
    try:
        directory = NodeDir(name)
    except RuntimeDirError as error:
        raise NodeNotFound(str(error)) from None
    if not directory.log.is_dir():
        raise NodeNotFound(f"no node {name!r}: there is no {directory.log}")
    return directory


def _only(names: list[str], what: str) -> str | None:
    if len(names) > 1:
        many = f"{len(names)} nodes {what}: {', '.join(names)}"
        raise NodeNotFound(f"{many}; pick one, as in `otpy -n {names[0]} logs`")
    return names[0] if names else None


def _logged() -> list[str]:
    try:
        return sorted(path.parent.name for path in runtime_dir().glob("*/log"))
    except OSError:
        return []


def refuse_unlogged(directory: NodeDir, sources: "Sequence[Source]", names: Sequence[str]) -> None:
    """Raise NoProcess for a name of which there is neither a log nor an event."""
    known = {path for source in sources for path in source.paths or ()} | {GATEWAY, NODE}
    unknown = [name for name in names if not any(is_of(path, name) for path in known)]
    if not unknown or any(source.paths is None for source in sources):
        return
    known |= {event.path for event in _events(directory)}
    for name in unknown:
        if any(is_of(path, name) for path in known):
            continue  # it has not said anything
        ids = {step for path in known for step in path.split("/") if step}
        near = difflib.get_close_matches(name, sorted(ids), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NoProcess(f"no process {name!r} has logged anything{hint}; `otpy logs` shows all")


def starts_of(directory: NodeDir) -> "dict[str, list[Start]]":
    """Return the starts of each process that are known, oldest first; the node's own as well."""
    from otpy.events import ChildStarting  # noqa: PLC0415 - few need events

    starts: dict[str, list[Start]] = {}
    boots: dict[str, float] = {}
    for event in _events(directory):
        boots.setdefault(event.boot, event.at)
        if isinstance(event, ChildStarting):
            starts.setdefault(event.path, []).append((event.at, event.incarnation))
    starts[NODE] = [(at, _NODES_NUMBER) for at in boots.values()]
    return {path: sorted(known) for path, known in starts.items()}


def _events(directory: NodeDir) -> "list[Event]":
    from otpy.client.history import read_history  # noqa: PLC0415 - few need events

    try:
        return read_history(directory.events)
    except OSError:
        return []
