"""Clients that know what each answer has to be."""

import threading
from collections import Counter
from collections.abc import Callable

import otpy
from scripts.torturelib.servers import ACCOUNTS, BALANCE

PATIENCE_S = 120.0
"""Longest wait for one answer; a node that was killed has to come back within it."""


class Verdict:
    """What was counted, and what was promised but did not hold. For any number of threads."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._lock = threading.Lock()

    def count(self, what: str, number: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[what] += number

    def violated(self, kind: str, text: str) -> None:
        """Note what did not hold."""
        with self._lock:
            self.counts[kind] += 1
            self.violations.append(f"{kind}: {text}")


class Client(threading.Thread):
    """Asks one server again and again.

    Args:
        number: Which client it is.
        node: The name of the node.
        ask: Asks until it is told to stop.
    """

    def __init__(self, number: int, node: str, ask: "Callable[[Client], None]") -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.number, self.done = number, threading.Event()
        self._node_name, self._ask = node, ask
        self.acknowledged, self.unknown = 0, 0
        self.failure = ""

    def run(self) -> None:
        """Connect, and ask."""
        self.node = connected(self._node_name)
        try:
            self._ask(self)
        except Exception as error:  # noqa: BLE001  # whatever it is, it was promised not to be
            self.failure = f"{type(error).__name__}: {error}"


def connected(name: str) -> otpy.Node:
    """Return a client of the node, which may be about to start."""
    while True:
        try:
            return otpy.connect(name, timeout=PATIENCE_S)
        except otpy.NodeNotFound:
            threading.Event().wait(0.05)


def counting_once(path: str, verdict: Verdict) -> Callable[[Client], None]:
    """Return a client that increments with `once`: each answer is one more than the last."""

    def ask(client: Client) -> None:
        ref = client.node[path]
        while not client.done.is_set():
            answer = ref.call("increment", client.number, once=True, timeout=PATIENCE_S)
            client.acknowledged += 1
            verdict.count("increments with once")
            if answer > client.acknowledged:
                verdict.violated("applied twice", f"{answer} after {client.acknowledged - 1}")
            elif answer < client.acknowledged:
                verdict.violated("lost", f"{answer} after {client.acknowledged - 1}")
            client.acknowledged = answer

    return ask


def counting(path: str, verdict: Verdict) -> Callable[[Client], None]:
    """Return a client that increments: what was acknowledged is never undone."""

    def ask(client: Client) -> None:
        ref = client.node[path]
        while not client.done.is_set():
            try:
                answer = ref.call("increment", client.number, timeout=PATIENCE_S)
            except (otpy.ProcessDown, otpy.NodeNotFound):
                client.unknown += 1
                continue
            verdict.count("increments")
            if not client.acknowledged < answer <= client.acknowledged + client.unknown + 1:
                verdict.violated(
                    "lost", f"{answer} after {client.acknowledged}, {client.unknown} unknown"
                )
            client.acknowledged, client.unknown = answer, 0

    return ask


def moving(path: str, verdict: Verdict) -> Callable[[Client], None]:
    """Return a client that moves money: the sum stays, and each move is made once."""

    def ask(client: Client) -> None:
        ref = client.node[path]
        while not client.done.is_set():
            answer = ref.call("move", client.number, once=True, timeout=PATIENCE_S)
            client.acknowledged += 1
            verdict.count("transfers with once")
            if answer != client.acknowledged:
                kind = "applied twice" if answer > client.acknowledged else "lost"
                verdict.violated(kind, f"move {answer} after {client.acknowledged - 1}")
            client.acknowledged = answer
            if client.acknowledged % 20 == 0:
                look_at_sum(client.node, path, verdict)

    return ask


def look_at_sum(node: otpy.Node, path: str, verdict: Verdict) -> None:
    """Look whether the sum of all accounts is what it was."""
    try:
        total, _ = node[path].call("sum", timeout=PATIENCE_S)
    except (otpy.ProcessDown, otpy.NodeNotFound):
        return
    verdict.count("sums")
    if total != ACCOUNTS * BALANCE:
        verdict.violated("wrong sum", str(total))
