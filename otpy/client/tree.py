"""A running tree, as plain frozen values."""

from collections.abc import Iterator, Sequence
from typing import Self

import msgspec

from otpy.wire.gateway import TreeRow


class ProcessInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a tree, and those below it.

    Iterating gives it and all below it, depth first, in start order; ``str`` draws them.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor.
        kind: ``supervisor``, ``worker`` or ``command``.
        state: ``waiting`` (for its first start, after others), ``starting``, ``running``,
            ``stopping``, ``restarting``, ``backoff`` (it waits for its next start), ``failed`` (it
            stays down until it is started) or ``stopped``.
        pid: Of the present incarnation; None when there is no process.
        incarnation: How often it was started.
        restarts: How often it came up again after its first start.
        started_at: Unix time in seconds; None when there is no process.
        reason: Why it ended last; empty if it never did.
        retry_at: Unix time in seconds of the next start of one in ``backoff``; else None.
        spares: Pids of the processes that have imported its module, and become it when it dies.
        took: Seconds from the start of this incarnation until it was ready; None before that.
        children: Of a supervisor, in start order.
    """

    path: str
    kind: str
    state: str
    pid: int | None = None
    incarnation: int = 0
    restarts: int = 0
    started_at: float | None = None
    reason: str = ""
    retry_at: float | None = None
    spares: tuple[int, ...] = ()
    took: float | None = None
    children: tuple[Self, ...] = ()

    @property
    def id(self) -> str:
        """The last part of the path; "" for the root supervisor."""
        return self.path.rpartition("/")[2]

    def find(self, name: str) -> "ProcessInfo | None":
        """Find a process by its path, or by its id if only one has it."""
        by_path = [process for process in self if process.path == name]
        found = by_path or [process for process in self if process.id == name]
        return found[0] if len(found) == 1 else None

    def __iter__(self) -> "Iterator[ProcessInfo]":
        yield self
        for child in self.children:
            yield from child

    def __str__(self) -> str:
        return "\n".join(_drawn(self, "", ""))


def process_info(row: TreeRow, children: Sequence[ProcessInfo] = ()) -> ProcessInfo:
    """Build a `ProcessInfo` of a row of the gateway's."""
    return ProcessInfo(**msgspec.structs.asdict(row), children=tuple(children))


def tree_of(rows: Sequence[TreeRow]) -> ProcessInfo:
    """Build the root of rows that come root first; what is beside the tree is left out."""
    below: dict[str, list[TreeRow]] = {}
    for row in rows[1:]:
        if row.path.startswith("@"):
            continue  # the gateway: `node["@gateway"].info()` tells of it
        below.setdefault(row.path.rpartition("/")[0], []).append(row)

    def grow(row: TreeRow) -> ProcessInfo:
        return process_info(row, [grow(child) for child in below.get(row.path, ())])

    return grow(rows[0])


def _drawn(process: ProcessInfo, first: str, rest: str) -> Iterator[str]:
    pid = "" if process.pid is None else f" pid {process.pid}"
    yield f"{first}{process.id or 'root'}: {process.state}{pid}"
    for child in process.children:
        last = child is process.children[-1]
        yield from _drawn(
            child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
        )
