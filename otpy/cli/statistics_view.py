"""The load of a tree's processes over a while: two samples and their difference."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from otpy.cli.names import rows_of, shown

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo, Statistics


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One process and its load, as ``otpy top --json`` prints it.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor.
        name: The path, or ``root``.
        kind: ``gateway``, ``supervisor``, ``worker`` or ``command``.
        state: ``starting``, ``running``, ``stopping``, ``restarting`` or ``stopped``.
        pid: None when there is no process.
        restarts: How often it came up again after its first start.
        cpu: Percent of one processor since the last sample; None when unknown.
        resident: Bytes that it has in memory (RSS).
        messages: How many it took out of its mailbox; None unless it is a worker.
        rate: Messages a second since the last sample.
        busy: Seconds that it has been at work on what it has in hand; None while it waits.
        queue: Messages that it has read and not yet taken.
    """

    path: str
    name: str
    kind: str
    state: str
    pid: int | None
    restarts: int
    cpu: float | None = None
    resident: int | None = None
    messages: int | None = None
    rate: float | None = None
    busy: float | None = None
    queue: int | None = None


class Meter:
    """Takes samples of a node, each compared with the one before."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._at = 0.0
        self._cpu: dict[int, float] = {}
        self._messages: dict[int, int] = {}

    def sample(self) -> list[Load]:
        """Look at every process now."""
        rows = rows_of(self._node)
        statistics = self._node.statistics()
        now = time.monotonic()
        passed, self._at = now - self._at, now
        cpu_before, self._cpu = self._cpu, {}
        messages_before, self._messages = self._messages, {}
        return [
            self._load(row, statistics.get(row.path), _Before(passed, cpu_before, messages_before))
            for row in rows
        ]

    def _load(self, row: "ProcessInfo", does: "Statistics | None", before: "_Before") -> Load:
        cpu = resident = None
        if row.pid is not None and (used := _used(row.pid)) is not None:
            self._cpu[row.pid], resident = used
            cpu = before.cpu_percent(row.pid, used[0])
        load = Load(
            path=row.path,
            name=shown(row.path),
            kind=row.kind,
            state=row.state,
            pid=row.pid,
            restarts=row.restarts,
            cpu=cpu,
            resident=resident,
        )
        if does is None or does.pid != row.pid:
            return load
        self._messages[does.pid] = does.messages
        return msgspec.structs.replace(
            load,
            messages=does.messages,
            rate=before.rate(does.pid, does.messages),
            busy=does.busy,
            queue=does.queue,
        )


class _Before:
    """The last sample, by pid, and the seconds since."""

    def __init__(self, passed: float, cpu: dict[int, float], messages: dict[int, int]) -> None:
        self._passed, self._cpu, self._messages = passed, cpu, messages

    def cpu_percent(self, pid: int, seconds: float) -> float | None:
        if pid not in self._cpu:
            return None
        return max(0.0, 100 * (seconds - self._cpu[pid]) / self._passed)

    def rate(self, pid: int, messages: int) -> float | None:
        if pid not in self._messages:
            return None
        return max(0.0, (messages - self._messages[pid]) / self._passed)


def _used(pid: int) -> tuple[float, int] | None:
    import psutil  # noqa: PLC0415 - `otpy --help` imports this module, too

    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        return times.user + times.system, process.memory_info().rss
    except psutil.Error:  # it has just ended, or it runs as another user
        return None


ORDERS: Final = ("tree", "cpu", "memory", "messages", "busy", "queue")


def ordered(loads: Iterable[Load], order: str) -> list[Load]:
    """Sort by one of `ORDERS`, the largest first; ``tree`` is the tree's own order."""
    attribute = {"memory": "resident", "messages": "rate"}.get(order, order)
    if order == "tree":
        return list(loads)
    return sorted(loads, key=lambda load: getattr(load, attribute) or 0, reverse=True)
