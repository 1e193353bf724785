"""The rows of a tree with what the kernel knows about their processes."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from otpy.cli.names import shown

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo


class Spare(msgspec.Struct, frozen=True, kw_only=True):
    """A process that has imported the module of a child, and becomes it when it dies.

    Attributes:
        pid: Its pid.
        memory: Bytes that it has for itself alone (USS); None when unknown.
        resident: Bytes that it has in memory (RSS), those that it shares included.
    """

    pid: int
    memory: int | None
    resident: int | None


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as ``--json`` prints it.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor. None for the node.
        name: The path, or ``root``, or the node's name.
        kind: ``node``, ``gateway``, ``supervisor``, ``worker`` or ``command``.
        state: ``waiting``, ``starting``, ``running``, ``stopping``, ``restarting``, ``backoff``,
            ``failed`` or ``stopped``.
        pid: None when there is no process.
        incarnation: How often it was started. None for the node.
        restarts: How often it came up again after its first start. None for the node.
        started_at: Unix time in seconds.
        uptime: Seconds since then.
        memory: Bytes that it has for itself alone (USS); None when unknown.
        resident: Bytes that it has in memory (RSS), those that it shares included.
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
    resident: int | None
    reason: str
    retry_at: float | None
    spares: tuple[Spare, ...] = ()
    took: float | None = None


def measured(rows: "Iterable[ProcessInfo]", *, now: float) -> list[Process]:
    """Add to each row its uptime and its memory; `now` is Unix time in seconds."""
    return [_measured(row, now) for row in rows]


def _measured(row: "ProcessInfo", now: float) -> Process:
    memory, resident = (None, None) if row.pid is None else _memory(row.pid)
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
        memory=memory,
        resident=resident,
        reason=row.reason,
        retry_at=row.retry_at,
        spares=tuple([_measured_spare(pid) for pid in row.spares]),
        took=row.took,
    )


def _measured_spare(pid: int) -> Spare:
    memory, resident = _memory(pid)
    return Spare(pid=pid, memory=memory, resident=resident)


def measured_node(node: "Node", *, now: float) -> Process:
    """Describe the node itself, which stands above its tree."""
    memory, resident = _memory(node.pid)
    started_at = _started_at(node.pid)
    return Process(
        path=None,
        name=node.name,
        kind="node",
        state="running",
        pid=node.pid,
        incarnation=None,
        restarts=None,
        started_at=started_at,
        uptime=None if started_at is None else max(now - started_at, 0.0),
        memory=memory,
        resident=resident,
        reason="",
        retry_at=None,
    )


def _memory(pid: int) -> tuple[int | None, int | None]:
    import psutil  # noqa: PLC0415 - `otpy --help` imports this module, too

    try:
        memory = psutil.Process(pid).memory_full_info()
    except psutil.Error:  # it has just ended, or it runs as another user
        return None, None
    return memory.uss, memory.rss


def _started_at(pid: int) -> float | None:
    import psutil  # noqa: PLC0415 - as above

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
