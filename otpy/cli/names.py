"""The names that users give to processes: ``counter``, ``pool/worker-1``, ``root``."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from otpy.cli.errors import NotRunning
from otpy.cli.session import ANSWER_S
from otpy.errors import NoProcess
from otpy.wire.paths import BESIDE, ON_EVENT

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo, SupervisorRef

ROOT: Final = "root"
"""The name of the root supervisor, whose path is empty, on the command line."""


def rows_of(node: "Node", timeout: float = ANSWER_S) -> "list[ProcessInfo]":
    """List every process of a node: gateway, logger, the root supervisor, then depth first."""
    tree = [row for row in node.tree(timeout=timeout) if row.path not in BESIDE]
    beside = [node[path].info(timeout=timeout) for path in BESIDE]
    with suppress(NoProcess):  # only where the tree has handlers
        beside.append(node[ON_EVENT].info(timeout=timeout))
    return [*beside, *tree]


def find(rows: "Sequence[ProcessInfo]", name: str, *, suggest: bool = True) -> "ProcessInfo":
    """Find a process by its path, or by its id when that is unique.

    Args:
        rows: Where to look.
        name: Its name.
        suggest: Whether the error says what may have been meant.

    Raises:
        NoProcess: There is none of that name, or more than one.
    """
    by_path = {row.path: row for row in rows}
    if name in by_path:
        return by_path[name]
    found = [row for row in rows if row.path and row.path.rpartition("/")[2] == name]
    if len(found) == 1:
        return found[0]
    if found:
        paths = " or ".join(row.path for row in found)
        raise NoProcess(f"{name!r} is the id of {len(found)} children; say {paths}")
    if name == ROOT:
        return by_path[""]
    import difflib  # noqa: PLC0415 - nearly every name is found

    near = difflib.get_close_matches(name, short_names(rows), n=1) if suggest else ()
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise NoProcess(f"no child {name!r} in the tree; {hint}`otpy tree` shows them all")


@contextmanager
def suggesting(node: "Node", name: str) -> Iterator[None]:
    """Add to a `NoProcess` of the node's what may have been meant, or what to do.

    Raises:
        NotRunning: There is that process, but it does not run.
    """
    try:
        yield
    except NoProcess as error:
        row = find(rows_of(node), name)
        if row.kind not in ("worker", "command") or row.state == "running":
            raise  # it is not that it does not run
        raise not_running(row, str(error), name) from None


@contextmanager
def suggesting_any(node: "Node", names: Sequence[str]) -> Iterator[None]:
    """Add to a `NoProcess` of the node's, about one of the names, what may have been meant."""
    try:
        yield
    except NoProcess as error:
        rows = rows_of(node)
        for name in names:
            if repr(name) in str(error):
                find(rows, name)
        raise


def not_running(row: "ProcessInfo", text: str, name: str) -> NotRunning:
    """Return the error that a process does not run, and what to do about it."""
    if row.state == "failed":
        return NotRunning(text, f"`otpy why {name}` shows more, `otpy start {name}` begins anew")
    return NotRunning(text, f"start it with `otpy start {name}`")


def short_names(rows: "Sequence[ProcessInfo]") -> list[str]:
    """Return for each process the shortest name that finds it."""
    ids = [row.path.rpartition("/")[2] for row in rows]
    times = Counter(ids)
    return [
        shown(row.path) if not row.path or times[id_] > 1 else id_
        for row, id_ in zip(rows, ids, strict=True)
    ]


def shown(path: str) -> str:
    """Return the name that stands for `path` in what commands print."""
    return path or ROOT


def supervisor_of(node: "Node", row: "ProcessInfo") -> "tuple[SupervisorRef, str]":
    """Return the supervisor of a child, and the child's id.

    Raises:
        NoProcess: The row is the root supervisor's.
    """
    if not row.path or row.path in (*BESIDE, ON_EVENT):
        raise NoProcess(f"{shown(row.path)} is no child of the tree; `otpy shutdown` stops it all")
    supervisor, _, child = row.path.rpartition("/")
    return node.supervisor(supervisor), child
