"""Bursts of kill -9: one process, siblings at once, supervisors at once, the gateway, the node."""

import random
from collections.abc import Sequence
from typing import Final

from scripts.chaoslib.judge import Judge
from scripts.chaoslib.node import Node
from scripts.chaoslib.phases import Phases
from scripts.chaoslib.processes import Process, below, kill_all, one
from scripts.chaoslib.tally import Tally
from scripts.chaoslib.tree import SUPERVISORS, is_one_of_many

_BURSTS: Final = {
    "one": 40,
    "one of many": 10,
    "siblings": 12,
    "all siblings": 3,
    "supervisors": 10,
    "supervisor": 8,
    "gateway": 6,
    "logger": 4,
    "root": 4,
    "gateway and root": 3,
    "stdio": 2,
    "fork server": 3,
    "anything": 5,
}
"""Kinds of bursts, and how often each is chosen."""

_SOME: Final = {
    "one": 1,
    "one of many": 1,
    "siblings": 8,
    "supervisors": 5,
    "supervisor": 1,
    "anything": 6,
}
"""How many at most, where it is not all."""

_NODE_BURSTS: Final = ("node at rest", "node in between", "node and supervisors")
"""Each in its turn: alone while all is well, alone right after another burst, with the others."""

_NODE_EVERY: Final = 150
"""Kills between two of the node, while it is killed at all."""


class Killer:
    """Kills processes of the node, and no others.

    Args:
        node: The node.
        judge: Waits until it is at rest.
        tally: Counts what was killed.
        chosen: Chooses what is.
        phases: When what may be killed.

    Attributes:
        kills: How many so far.
    """

    def __init__(
        self, node: Node, judge: Judge, tally: Tally, chosen: random.Random, phases: Phases
    ) -> None:
        self._node, self._judge, self._tally = node, judge, tally
        self._random, self._phases = chosen, phases
        self.kills = 0
        self._node_every = min(_NODE_EVERY, max(1, phases.kills // 4))
        self._node_at, self._node_kills = self._node_every, 0

    def burst(self) -> bool:
        """Kill what a burst has: all of it before anybody can react, as far as possible.

        Returns:
            Whether the node was killed, and started again: nothing else is to be killed meanwhile.
        """
        if self._phases.spares_node(self.kills):
            self._node_at = self.kills + self._node_every
        elif self.kills >= self._node_at:
            self._node_at += self._node_every
            self._kill_node(_NODE_BURSTS[self._node_kills % len(_NODE_BURSTS)])
            return True
        (kind,) = self._random.choices(list(_BURSTS), list(_BURSTS.values()))
        self._kill(kind, self._victims(kind, self._everything()))
        return False

    def _everything(self) -> list[Process]:
        found = (p for p in below(self._node.pid).values() if p.state != "Z")
        spared = self._phases.spared(self.kills)
        return sorted((p for p in found if p.title not in spared), key=lambda p: (p.title, p.pid))

    def _kill(self, kind: str, victims: Sequence[Process]) -> None:
        kill_all(victims, self._node.pid, self._note)
        self._tally.count(f"bursts: {kind}")

    def _note(self, victim: Process) -> None:
        self.kills += 1
        self._node.killed.add(victim.pid)
        self._tally.count(f"kills: {_kind_of(victim)}")

    def _victims(self, kind: str, everything: Sequence[Process]) -> list[Process]:
        of = self._candidates(kind, everything)
        if kind not in _SOME:
            return self._random.sample(of, len(of))
        count = min(len(of), _SOME[kind])
        return self._random.sample(of, self._random.randint(min(2, count), count))

    def _candidates(self, kind: str, everything: Sequence[Process]) -> list[Process]:
        match kind:
            case "supervisor" | "supervisors":
                titles = set(SUPERVISORS) - ({"root"} if kind == "supervisors" else set())
                return [p for p in everything if p.title in titles]
            case "siblings" | "all siblings":
                parent = self._random.choice(sorted({p.parent for p in everything} or {0}))
                return [p for p in everything if p.parent == parent]
            case "one":
                workers = [p for p in everything if p.title not in SUPERVISORS]
                return [p for p in workers if not is_one_of_many(p.title)]
            case "one of many":
                return [p for p in everything if is_one_of_many(p.title)]
            case "anything":
                return list(everything)
            case _:
                return [p for p in everything if _kind_of(p) in kind.split(" and ")]

    def _kill_node(self, kind: str) -> None:
        self._node_kills += 1
        if kind == "node at rest":
            self._judge.settle(self.kills)
        victims = one(self._node.pid)
        if kind == "node and supervisors":
            others = [p for p in self._everything() if p.title in (*SUPERVISORS, "gateway")]
            victims = self._random.sample(victims + others, 1 + len(others))
        self._kill(kind, victims)
        self._node.start_again(waits=kind == "node at rest")


def _kind_of(process: Process) -> str:
    if process.title in SUPERVISORS:
        return "root" if process.title == "root" else "supervisor"
    kinds = ("gateway", "logger", "stdio", "node", "fork server", "spare")
    found = (kind for kind in kinds if process.title.startswith(kind))
    return next(found, "worker, program or task")
