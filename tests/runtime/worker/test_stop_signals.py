"""1.9: a worker that gets SIGTERM from outside stops as if its supervisor had asked."""

import signal

import pytest

from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes
from tests.support.processes import is_alive

KINDS = {
    "plain": "Plain",
    "async": "Async",
    "function": "function",
    "receives": "receives",
    "coroutine": "coroutine",
}


def tree(name: str, **fields: str) -> str:
    lines = [f"name: {name}\nmax_restarts: 100\nchildren:\n"]
    more = "".join(f", {key}: {value}" for key, value in fields.items())
    for id_, what in KINDS.items():
        start = f"tests.support.signalled_workers:{what}"
        lines.append(f"  - {{id: {id_}, start: '{start}', args: [WORK/log]{more}}}\n")
    return "".join(lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_each_kind_stops_in_order_and_its_restart_type_decides(
    nodes: Nodes, number: signal.Signals
) -> None:
    node = nodes.run(tree("each", stop_signal=number.name))
    for id_ in KINDS:
        node.logged("init", id_)
        node.kill(id_, number)
        end = node.next(ChildEnded, path=id_)
        assert (end.reason, end.clean, end.asked) == ("shutdown", True, False)
        how = "shutdown" if id_ in ("plain", "async") else "finally"
        node.logged("terminate", id_, how)
        node.next(ChildStarted, path=id_, incarnation=2)


def test_it_is_a_clean_end(nodes: Nodes) -> None:
    node = nodes.run(tree("clean", restart="transient"))
    for id_ in KINDS:
        node.logged("init", id_)
        node.kill(id_, signal.SIGTERM)
        node.next(ChildEnded, path=id_)
    assert [r.state for r in node.client.supervisor().which_children()] == ["undefined"] * 5


def test_everything_is_signalled_at_once(nodes: Nodes) -> None:
    """As systemd does; the worst order is that of the leaves first and the node last."""
    node = nodes.run(
        tree("everything").replace("max_restarts: 100", "max_restarts: 1")
        + "  - {id: branch, children: [{id: c, start: "
        "'tests.support.signalled_workers:Plain', args: [WORK/log]}]}\n"
    )
    for id_ in [*KINDS, "branch/c"]:
        node.logged("init", id_)
    paths = [*KINDS, "branch/c", "branch", "", "@gateway", "@logger", "@node"]
    for path in paths:
        node.kill(path, signal.SIGTERM)
    assert node.wait() == 0
    assert "in order" in node.output
    ended = sorted(entry[1] for entry in node.log() if entry[0] == "terminate")
    assert ended == sorted([*KINDS, "branch/c"])


def test_a_handler_of_the_users_own_stays(nodes: Nodes) -> None:
    node = nodes.run("""
        name: own
        children:
          - {id: own, start: "tests.support.signalled_workers:Handles", args: [WORK/log]}
          - {id: plain, start: "tests.support.signalled_workers:Plain", args: [WORK/log]}
        """)
    pid = node.kill("own", signal.SIGTERM)
    node.logged("handled", "own")
    assert is_alive(pid)
    assert node.call("plain", "forks") == signal.SIGTERM
    node.client["plain"].suspend()
    node.kill("plain", signal.SIGTERM)
    node.logged("terminate", "plain", "shutdown")
