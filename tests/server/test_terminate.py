"""When `terminate` runs: the table of gen_server's manual, row by row."""

import signal

import pytest

from otpy.events import ChildEnded
from tests.support.node import Nodes, NodeUnderTest

TRAPS = "tests.support.workers:Contract"
DOES_NOT = "tests.support.contract_workers:ContractUntrapped"

either = pytest.mark.parametrize("server", [TRAPS, DOES_NOT])


def contract(nodes: Nodes, server: str) -> NodeUnderTest:
    return nodes.run(f"""
        name: terminate
        children:
          - {{id: a, start: "{server}", args: [WORK/log], restart: temporary}}
        """)


def ended(node: NodeUnderTest) -> str:
    """Wait for the end; return the reason."""
    return node.next(ChildEnded, path="a").reason


def terminated(node: NodeUnderTest) -> list[object]:
    """List the reasons that `terminate` was told."""
    return [entry[1] for entry in node.log() if entry[0] == "terminate"]


@either
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (("return", "Stop why"), "why"),
        (("return", "Stop"), "normal"),
        (("return", "Reply and Stop"), "done"),
        ("type_error", "error: TypeError: of its own"),
        (("reply and raise", 5), "error: RuntimeError: after the reply"),
    ],
)
def test_after_a_call_that_stops_or_raises(
    nodes: Nodes, server: str, request_: object, reason: str
) -> None:
    node = contract(nodes, server)
    node.client["a"].send_request(request_)
    assert ended(node) == reason
    assert terminated(node) == [reason]


@either
@pytest.mark.parametrize("kind", ["cast", "info"])
@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ("Stop why", "why"),
        ("Continue stop", "continued"),
        ("Continue raise", "error: RuntimeError: continued"),
        ("nonsense", "error: TypeError: handle_{kind} returned 5, expected None"),
    ],
)
def test_after_any_other_callback_that_stops_raises_or_returns_nonsense(
    nodes: Nodes, server: str, kind: str, result: str, reason: str
) -> None:
    node = contract(nodes, server)
    if kind == "cast":
        node.client["a"].cast("return", result)
    else:
        node.call("a", "after", 0.0, ("return", result))
    told = ended(node)
    assert told.startswith(reason.format(kind=kind))
    assert terminated(node) == [told]


@either
def test_when_a_client_stops_it(nodes: Nodes, server: str) -> None:
    node = contract(nodes, server)
    node.client["a"].stop("because")
    assert (ended(node), terminated(node)) == ("because", ["because"])


@pytest.mark.parametrize(("server", "told"), [(TRAPS, ["shutdown"]), (DOES_NOT, [])])
def test_when_its_supervisor_stops_it_only_if_it_traps_exits(
    nodes: Nodes, server: str, told: list[str]
) -> None:
    node = contract(nodes, server)
    node.client.supervisor().terminate_child("a")
    assert (ended(node), terminated(node)) == ("shutdown", told)


@either
@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGKILL, "killed"), (signal.SIGUSR1, "signal: SIGUSR1")]
)
def test_never_when_a_signal_ends_it(nodes: Nodes, server: str, number: int, reason: str) -> None:
    node = contract(nodes, server)
    node.kill("a", number)
    assert (ended(node), terminated(node)) == (reason, [])
