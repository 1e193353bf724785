"""A server's own refusal is an answer; another one's, which nobody caught, is a crash (4.3)."""

import pytest

import otpy
from otpy import tasks
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes, NodeUnderTest

TREE = """
    name: refusals
    max_restarts: 1000
    children:
      - {id: bank, start: "tests.support.refusing_workers:Bank"}
      - {id: agent, start: "otpy:Agent"}
      - {id: tasks, strategy: dynamic}
      - {id: plain, start: "tests.support.refusing_workers:Shop"}
      - {id: loop, start: "tests.support.refusing_workers:AsyncShop"}
    """

THEIRS = ["call", "unknown", "pending", "many", "task", "agent", "state"]


def crashes(node: NodeUnderTest, name: str, *request: object) -> str:
    with pytest.raises(otpy.ProcessDown) as caught:
        node.call(name, *request)
    node.next(ChildStarted, path=name)
    return caught.value.reason


@pytest.mark.parametrize("name", ["plain", "loop"])
def test_somebody_elses_refusal_is_a_crash(nodes: Nodes, name: str) -> None:
    node = nodes.run(TREE)
    for how in [*THEIRS, "proxy", "again"] if name == "plain" else THEIRS:
        reason = crashes(node, name, "buy", how)
        expected = "error: UnknownRequest: " if how == "unknown" else "error: Refused: "
        assert reason.startswith(expected), f"{how}: {reason}"
        assert node.client[name].get_state() == {"sold": 0}, how
    node.client[name].cast("buy_later")
    assert node.next(ChildEnded, path=name).reason == "error: Refused: not enough: 5"
    node.next(ChildStarted, path=name)
    for beside in ("go_on", "remind"):
        node.call(name, beside)
        assert node.next(ChildEnded, path=name).reason == "error: Refused: not enough: 5"
        node.next(ChildStarted, path=name)


@pytest.mark.parametrize("name", ["plain", "loop"])
def test_a_refusal_of_its_own_is_an_answer(nodes: Nodes, name: str) -> None:
    node = nodes.run(TREE)
    pid = node.client[name].pid
    with pytest.raises(otpy.Refused, match="not today"):
        node.call(name, "buy", "own")
    with pytest.raises(otpy.Refused, match="the bank says not enough: 5"):
        node.call(name, "buy", "own_after_theirs")
    if name == "plain":
        with pytest.raises(otpy.UnknownRequest, match="not that"):
            node.call(name, "buy", "own_unknown")
    assert node.client[name].pid == pid


def test_a_task_and_an_agent_that_others_refuse_crash(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    module = "tests.support.refusing_workers"
    begun = tasks.async_(f"{module}:ask_bank", node=node.client)
    with pytest.raises(otpy.ProcessDown, match="error: Refused: not enough: 5"):
        tasks.await_(begun)
    with pytest.raises(otpy.Refused, match="not enough"):
        tasks.await_(tasks.async_(f"{module}:refuse", node=node.client))
    with pytest.raises(otpy.ProcessDown, match="error: Refused: not enough: 5"):
        otpy.Agent.get(node.client["agent"], f"{module}:ask_bank")
    node.next(ChildStarted, path="agent")
    with pytest.raises(otpy.Refused, match="not enough"):
        otpy.Agent.get(node.client["agent"], f"{module}:refuse")
