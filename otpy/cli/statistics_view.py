"""The load of a tree's processes over a while: two samples and their difference."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from otpy.cli.names import rows_of, shown
from otpy.cli.processes import groups_of

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo, Statistics
    from otpy.system.groups import Groups, Memory


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One process and its load, as ``otpy top --json`` prints it.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor.
        name: The path, or ``root``.
        kind: ``gateway``, ``supervisor``, ``worker`` or ``command``.
        state: as in `otpy tree`.
        pid: None when there is no process.
        restarts: How often it came up again after its first start.
        cpu: Percent of one processor since the last sample, of its whole group; None when unknown.
        memory: Bytes that its group has (PSS); None when unknown. A group is a process with all
            that it has started, except the children of a supervisor.
        memory_exact: False if a process of the group may not be looked at: of that it is RSS.
        messages: How many it took out of its mailbox; None unless it is a worker.
        rate: Messages a second since the last sample.
        busy: Seconds that it has been at work on what it has in hand; None while it waits.
        queue: Messages that it has read and not yet taken.
        suspended: It takes no messages until it is resumed.
        started_at: Unix time in seconds.
        retry_at: Unix time in seconds of the next start of one in ``backoff``.
    """

    path: str
    name: str
    kind: str
    state: str
    pid: int | None
    restarts: int
    cpu: float | None = None
    memory: int | None = None
    memory_exact: bool = True
    messages: int | None = None
    rate: float | None = None
    busy: float | None = None
    queue: int | None = None
    suspended: bool = False
    started_at: float | None = None
    retry_at: float | None = None


class Meter:
    """Compares what is known of a node's processes with what was known before."""

    def __init__(self) -> None:
        self._at = 0.0
        self._cpu: dict[tuple[int, int], float] = {}
        self._messages: dict[int, int] = {}
        self._memory: dict[int, Memory | None] = {}

    def sample(self, node: "Node") -> list[Load]:
        """Look at every process now."""
        return self.loads(rows_of(node), node.statistics(), node.pid)

    def loads(
        self,
        rows: "Sequence[ProcessInfo]",
        statistics: "Mapping[str, Statistics]",
        node_pid: int,
        wanted: "Collection[str] | None" = None,
    ) -> list[Load]:
        """Return what each process of a tree does.

        Args:
            rows: All of the tree, as it is now.
            statistics: Of its workers, by path.
            node_pid: The node.
            wanted: The paths of those whose memory is looked at: the kernel looks at every page.
                Of others it is as it was seen last. None for all.
        """
        groups = groups_of(rows, node_pid)
        now = time.monotonic()
        passed, self._at = now - self._at, now
        before = _Before(passed, self._cpu, self._messages)
        self._cpu, self._messages = {}, {}
        self._look_at_memory(rows, groups, wanted)
        return [self._load(row, statistics.get(row.path), groups, before) for row in rows]

    def _look_at_memory(
        self, rows: "Sequence[ProcessInfo]", groups: "Groups", wanted: "Collection[str] | None"
    ) -> None:
        known, self._memory = self._memory, {}
        for row in rows:
            if row.pid is not None:
                is_wanted = wanted is None or row.path in wanted
                self._memory[row.pid] = groups.memory(row.pid) if is_wanted else known.get(row.pid)

    def _load(
        self, row: "ProcessInfo", does: "Statistics | None", groups: "Groups", before: "_Before"
    ) -> Load:
        cpu = memory = None
        if row.pid is not None:
            used = groups.cpu(row.pid)
            self._cpu |= used
            cpu = before.cpu_percent(used)
            memory = self._memory[row.pid]
        load = Load(
            path=row.path,
            name=shown(row.path),
            kind=row.kind,
            state=row.state,
            pid=row.pid,
            restarts=row.restarts,
            cpu=cpu,
            memory=memory and memory.size,
            memory_exact=memory is None or memory.is_exact,
            started_at=row.started_at,
            retry_at=row.retry_at,
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
            suspended=does.suspended,
        )


class _Before:
    """The last sample, and the seconds since."""

    def __init__(
        self, passed: float, cpu: dict[tuple[int, int], float], messages: dict[int, int]
    ) -> None:
        self._passed, self._cpu, self._messages = passed, cpu, messages

    def cpu_percent(self, used: dict[tuple[int, int], float]) -> float | None:
        """Return it of a group; a process that is new in it was started since."""
        if not used.keys() & self._cpu.keys():
            return None
        seconds = sum(each - self._cpu.get(key, 0.0) for key, each in used.items())
        return max(0.0, 100 * seconds / self._passed)

    def rate(self, pid: int, messages: int) -> float | None:
        if pid not in self._messages:
            return None
        return max(0.0, (messages - self._messages[pid]) / self._passed)


ORDERS: Final = ("tree", "cpu", "memory", "messages", "busy", "queue")


def ordered(loads: Iterable[Load], order: str) -> list[Load]:
    """Sort by one of `ORDERS`, the largest first; ``tree`` is the tree's own order."""
    attribute = {"messages": "rate"}.get(order, order)
    if order == "tree":
        return list(loads)
    return sorted(loads, key=lambda load: getattr(load, attribute) or 0, reverse=True)
