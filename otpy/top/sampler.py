"""What the processes of a node do, asked for without waiting long for any of them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection
from typing import Final

from otpy.aio.client.node import Node
from otpy.aio.client.statistics import ask_supervisors
from otpy.cli.statistics_view import Load, Meter
from otpy.client.tree import ProcessInfo
from otpy.errors import NoProcess
from otpy.links.deadline import deadline_of
from otpy.wire.paths import BESIDE, ON_EVENT

_LOOKS: Final = 10
"""How many looks the share in which a worker was busy is made of."""

_STATISTICS_S: Final = 1.0
"""How long supervisors have to answer: what one that is stopped does not say is left out."""


class Sampler:
    """Takes samples of one run of a node.

    Attributes:
        shares: Of the workers by path, in which share of the last looks they had a message in hand.
    """

    def __init__(self) -> None:
        self._meter = Meter()
        self._looks: dict[int, deque[bool]] = {}
        self.shares: dict[str, float] = {}

    async def sample(self, node: Node, wanted: Collection[str] | None) -> list[Load]:
        """Return what each process does, in the order of the tree.

        Args:
            node: The node.
            wanted: As `Meter.loads`.

        Raises:
            OtpyError: The node does not answer, or is gone.
        """
        tree = await node.tree()
        beside = await asyncio.gather(*[_beside(node, path) for path in (*BESIDE, ON_EVENT)])
        rows = [*(row for row in beside if row is not None), *tree]
        statistics = await ask_supervisors(node, tree, deadline_of(_STATISTICS_S))
        # Reading /proc is work for a thread: of a thousand processes it takes tens of milliseconds.
        loads = await asyncio.to_thread(self._meter.loads, rows, statistics, node.pid, wanted)
        self._note_looks(loads)
        return loads

    def _note_looks(self, loads: list[Load]) -> None:
        known, self._looks, self.shares = self._looks, {}, {}
        for load in loads:
            if load.pid is not None and load.messages is not None:
                looks = known.get(load.pid) or deque(maxlen=_LOOKS)
                looks.append(load.busy is not None)
                self._looks[load.pid] = looks
                self.shares[load.path] = sum(looks) / len(looks)


async def _beside(node: Node, path: str) -> ProcessInfo | None:
    with contextlib.suppress(NoProcess):  # only some trees have handlers of events
        return await node[path].info()
    return None
