"""The rows of a tree with what the kernel knows about their processes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from otpy.cli.names import shown
from otpy.cli.render import or_dash, size

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo
    from otpy.system.groups import Groups


class Spare(msgspec.Struct, frozen=True, kw_only=True):
    """A process that has imported the module of a child, and becomes it when it dies.

    Attributes:
        pid: Its pid.
        memory: Bytes that it has, as those of a `Process`.
        memory_exact: As that of a `Process`.
    """

    pid: int
    memory: int | None = None
    memory_exact: bool = True


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as ``--json`` prints it.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor. None for the node.
        name: The path, or ``root``, or the node's name.
        kind: ``node``, ``guardian``, ``gateway``, ``logger``, ``supervisor``, ``worker`` or
            ``command``.
        state: ``waiting``, ``starting``, ``running``, ``stopping``, ``restarting``, ``backoff``,
            ``failed`` or ``stopped``.
        pid: None when there is no process.
        incarnation: How often it was started. None for the node.
        restarts: How often it came up again after its first start. None for the node.
        started_at: Unix time in seconds.
        uptime: Seconds since then.
        memory: Bytes that its group has: its process, and all that this has started; a page that
            several processes share counts by its share (PSS), one that was swapped out as well. The
            children of a supervisor are groups of their own. None when unknown.
        memory_exact: False if a process of the group may not be looked at, as another user's: what
            that shares counts in full (RSS).
        processes: How many are in its group.
        reason: Why it ended last; empty if it never did.
        retry_at: Unix time in seconds of the next start of one in ``backoff``.
        spares: Those that are ready.
        took: Seconds from the start of this incarnation until it was ready; None before that.
    """

    path: str | None
    name: str
    kind: str
    state: str
    pid: int | None
    incarnation: int | None
    restarts: int | None
    started_at: float | None
    uptime: float | None
    memory: int | None
    reason: str
    retry_at: float | None
    spares: tuple[Spare, ...] = ()
    took: float | None = None
    memory_exact: bool = True
    processes: int = 0

    @property
    def memory_text(self) -> str:
        """Its memory for people."""
        return memory_text(self.memory, is_exact=self.memory_exact)


def memory_text(memory: int | None, *, is_exact: bool) -> str:
    """Write the memory of a group; with ``<`` what is not less than it has."""
    return or_dash(memory, lambda count: f"{'' if is_exact else '<'}{size(count)}")


def groups_of(rows: "Iterable[ProcessInfo]", node_pid: int) -> "Groups":
    """Look at all processes of a tree.

    Args:
        rows: All of it.
        node_pid: The node, which is above it.
    """
    from otpy.system.groups import Groups  # noqa: PLC0415 - `otpy --help` imports this module

    supervisors, children, alone = [node_pid], list[int](), list[int]()
    for row in rows:
        alone += row.spares
        if row.pid is not None:
            # Above the node is its guardian: what that has started is no group of its.
            of_kind = {"supervisor": supervisors, "guardian": alone}
            of_kind.get(row.kind, children).append(row.pid)
    return Groups(children, supervisors, alone)


def measured(rows: "Iterable[ProcessInfo]", groups: "Groups", *, now: float) -> list[Process]:
    """Add to each row its uptime and its memory; `now` is Unix time in seconds."""
    return [_measured(row, groups, now) for row in rows]


def _measured(row: "ProcessInfo", groups: "Groups", now: float) -> Process:
    memory = None if row.pid is None else groups.memory(row.pid)
    return Process(
        path=row.path,
        name=shown(row.path),
        kind=row.kind,
        state=row.state,
        pid=row.pid,
        incarnation=row.incarnation,
        restarts=row.restarts,
        started_at=row.started_at,
        uptime=None if row.started_at is None else max(now - row.started_at, 0.0),
        memory=memory and memory.size,
        memory_exact=memory is None or memory.is_exact,
        processes=0 if row.pid is None else len(groups.pids(row.pid)),
        reason=row.reason,
        retry_at=row.retry_at,
        spares=tuple([_measured_spare(pid, groups) for pid in row.spares]),
        took=row.took,
    )


def _measured_spare(pid: int, groups: "Groups") -> Spare:
    memory = groups.memory(pid)
    return Spare(
        pid=pid,
        memory=memory and memory.size,
        memory_exact=memory is None or memory.is_exact,
    )


def measured_node(node: "Node", groups: "Groups", *, now: float) -> Process:
    """Describe the node itself, which stands above its tree."""
    memory = groups.memory(node.pid)
    began = started_at(node.pid)
    return Process(
        path=None,
        name=node.name,
        kind="node",
        state="running",
        pid=node.pid,
        incarnation=None,
        restarts=None,
        started_at=began,
        uptime=None if began is None else max(now - began, 0.0),
        memory=memory and memory.size,
        memory_exact=memory is None or memory.is_exact,
        processes=len(groups.pids(node.pid)),
        reason="",
        retry_at=None,
    )


def started_at(pid: int) -> float | None:
    """Return when a process was started, as Unix time; None if it is gone."""
    import psutil  # noqa: PLC0415 - `otpy --help` imports this module, too

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
