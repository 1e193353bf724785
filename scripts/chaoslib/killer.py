"""Bursts of kill -9: one process, siblings at once, supervisors at once, the gateway, the node."""

import random
from collections.abc import Sequence
from typing import Final

from scripts.chaoslib.node import Node
from scripts.chaoslib.processes import Process, below, kill
from scripts.chaoslib.tally import Tally
from scripts.chaoslib.tree import SUPERVISORS

_BURSTS: Final = {
    "one": 50,
    "siblings": 15,
    "supervisors": 10,
    "supervisor": 8,
    "gateway": 8,
    "root": 4,
    "anything": 5,
}
"""Kinds of bursts, and how often each is chosen."""

_NODE_EVERY: Final = 400
"""Kills between two of the node."""


class Killer:
    """Kills processes of the node, and no others.

    Args:
        node: The node.
        tally: Counts what was killed.
        chosen: Chooses what is.
        kills: How many there are to be in all.

    Attributes:
        kills: How many so far.
    """

    def __init__(self, node: Node, tally: Tally, chosen: random.Random, kills: int) -> None:
        self._node, self._tally, self._random = node, tally, chosen
        self.kills = 0
        self._node_every = min(_NODE_EVERY, max(1, kills // 2))
        self._node_at = self._node_every

    def burst(self) -> bool:
        """Kill what a burst has: all of it before anybody can react, as far as possible.

        Returns:
            Whether it was the node, which starts again: nothing else is to be killed meanwhile.
        """
        if self.kills >= self._node_at:
            self._node_at += self._node_every
            self._kill_node()
            return True
        (kind,) = self._random.choices(list(_BURSTS), list(_BURSTS.values()))
        everything = [p for p in below(self._node.pid).values() if p.state != "Z"]
        for victim in self._victims(kind, sorted(everything, key=lambda p: (p.title, p.pid))):
            if kill(victim, self._node.pid):
                self.kills += 1
                self._tally.count(f"kills: {_kind_of(victim)}")
        self._tally.count(f"bursts: {kind}")
        return False

    def _victims(self, kind: str, everything: Sequence[Process]) -> list[Process]:
        supervisors = [p for p in everything if p.title in SUPERVISORS]
        match kind:
            case "gateway" | "root":
                return [p for p in everything if p.title == kind]
            case "supervisor":
                return self._some(supervisors, 1)
            case "supervisors":
                return self._some([p for p in supervisors if p.title != "root"], 5)
            case "siblings":
                parents = {p.parent for p in everything}
                parent = self._random.choice(sorted(parents)) if parents else 0
                return self._some([p for p in everything if p.parent == parent], 8)
            case "anything":
                return self._some(everything, 6)
            case _:
                return self._some([p for p in everything if p not in supervisors], 1)

    def _some(self, of: Sequence[Process], most: int) -> list[Process]:
        count = min(len(of), most)
        return self._random.sample(of, self._random.randint(min(2, count), count)) if count else []

    def _kill_node(self) -> None:
        self._node.kill()
        self.kills += 1
        self._tally.count("kills: node")


def _kind_of(process: Process) -> str:
    if process.title in SUPERVISORS:
        return "root" if process.title == "root" else "supervisor"
    if process.title == "gateway" or process.title.startswith("stdio"):
        return process.title.split(maxsplit=1)[0]
    return "worker, program or task"
