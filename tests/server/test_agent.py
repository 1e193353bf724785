"""Agents: a state, and functions that are applied to it where it is."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from otpy import Agent, NotSendable, ProcessDown, Ref, Refused, UnknownRequest
from otpy.events import ChildStartFailed
from tests.support import agent_functions as functions
from tests.support.askers import ASKERS, asker, with_askers
from tests.support.node import Nodes, NodeUnderTest

HERE = "tests.support.agent_functions"


def tree(args: object = (f"{HERE}:load", "apple")) -> str:
    return f"""
        name: agents
        children:
          - {{id: cache, start: "otpy:Agent", args: {json.dumps(args)}}}
          - {{id: keeper, start: "{HERE}:Keeper"}}
        """


def agent(nodes: Nodes, args: object = (f"{HERE}:load", "apple")) -> tuple[NodeUnderTest, Ref]:
    node = nodes.run(tree(args))
    return node, node.client["cache"]


def test_get_update_and_both(nodes: Nodes) -> None:
    _, cache = agent(nodes)
    assert Agent.get(cache, functions.lookup, "apple") == 0
    Agent.update(cache, functions.put, "apple", 5)
    assert Agent.get(cache, f"{HERE}:lookup", "apple") == 5
    assert Agent.get_and_update(cache, functions.pop, "apple") == 5
    assert Agent.get(cache, functions.whole) == {}
    Agent.cast(cache, functions.put, "pear", [1, {"a": None}])
    assert Agent.get(cache, functions.lookup, "pear") == [1, {"a": None}]
    assert cache.call("get", f"{HERE}:lookup", "pear") == [1, {"a": None}]


@pytest.mark.parametrize(
    ("args", "state"),
    [
        ([], None),
        ([{"a": 1}], {"a": 1}),
        ([5], 5),
        (["no name"], "no name"),
        ([f"{HERE}:load"], {}),
        ({"state": "a:b"}, "a:b"),
    ],
)
def test_the_first_state(nodes: Nodes, args: object, state: object) -> None:
    _, cache = agent(nodes, args)
    assert Agent.get(cache, functions.whole) == state


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ([f"{HERE}:fails"], "error: LookupError: no state"),
        (["nowhere:load"], "error: ModuleNotFoundError: No module named 'nowhere'"),
        (
            [1, 2],
            "error: TypeError: an agent's args are its state, or a module:function and arguments",
        ),
    ],
)
def test_a_state_that_cannot_be_made_is_a_failed_start(
    nodes: Nodes, args: object, reason: str
) -> None:
    node = nodes.start(f"""
        {{name: agents, children: [{{id: cache, start: "otpy:Agent", args: {json.dumps(args)}}}]}}
        """)
    assert node.next(ChildStartFailed, path="cache").reason == reason
    assert node.wait() == 1


def test_a_function_that_raises_ends_the_agent_and_its_caller_hears_why(nodes: Nodes) -> None:
    node, cache = agent(nodes)
    with pytest.raises(ProcessDown) as caught:
        Agent.update(cache, functions.raises)
    assert caught.value.reason == "error: LookupError: told to, with 1"
    assert "in raises" in caught.value.traceback
    with pytest.raises(ProcessDown, match="expected \\(value, state\\)"):
        Agent.get_and_update(cache, functions.no_pair)
    assert node.call("cache", "get", f"{HERE}:whole") == {"apple": 0}
    assert cache.incarnation == 3


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (f"{HERE}:nowhere", "cannot be imported: AttributeError"),
        ("nowhere:at_all", "cannot be imported: ModuleNotFoundError"),
        (f"{HERE}:NOT_CALLABLE", "is no function"),
        ("lookup", "expected a function's name, module:function"),
        (5, "expected a function's name, module:function"),
    ],
)
def test_a_function_that_is_not_there_leaves_the_state_intact(
    shared: Callable[[str], NodeUnderTest], function: Any, why: str
) -> None:
    cache = shared(tree()).client["cache"]
    with pytest.raises(UnknownRequest, match=why):
        Agent.get(cache, function)
    with pytest.raises(UnknownRequest):
        cache.call("whatever", function)
    assert cache.incarnation == 1


def test_what_a_function_refuses_or_nobody_can_send(nodes: Nodes) -> None:
    _, cache = agent(nodes)
    with pytest.raises(Refused, match="not now"):
        Agent.update(cache, functions.refuses)
    with pytest.raises(NotSendable):
        Agent.get(cache, functions.odd)
    with pytest.raises(NotSendable):
        Agent.get(cache, functions.stop)
    with pytest.raises(NotSendable, match="has no name to be sent by"):
        Agent.get(cache, lambda state: state)
    assert Agent.get(cache, functions.whole) == {"apple": 0}
    assert cache.incarnation == 1


def test_workers_send_what_pickle_carries(nodes: Nodes) -> None:
    node, cache = agent(nodes)
    assert node.call("keeper", "keep", "fig", 7) == 7
    assert node.call("keeper", "take", "fig") == 7
    assert Agent.get(cache, functions.whole) == {"apple": 0, "taken": "fig"}
    assert node.call("keeper", "crash") == "error: LookupError: told to, with 2"
    assert node.call("keeper", "send_lambda") == "not sendable"


def test_a_killed_agent_begins_again(nodes: Nodes) -> None:
    node, cache = agent(nodes)
    Agent.update(cache, functions.put, "apple", 5)
    node.recover("cache")
    assert Agent.get(cache, functions.lookup, "apple") == 0


@pytest.mark.parametrize("who", ASKERS)
def test_whoever_it_is_talks_to_an_agent_in_the_same_words(nodes: Nodes, who: str) -> None:
    children = f"""
        name: agents
        children:
          - {{id: cache, start: "otpy:Agent", args: ["{HERE}:load", apple]}}
        """
    node = nodes.run(with_askers(children, who))
    asks = asker(who, node)
    assert asks.do("Agent.get", "cache", f"{HERE}:lookup", "apple") == 0
    assert asks.do("Agent.update", "cache", f"{HERE}:put", "apple", 5) is None
    assert asks.do("Agent.cast", "cache", f"{HERE}:put", "pear", 7) is None
    assert asks.do("Agent.get_and_update", "cache", f"{HERE}:pop", "apple") == 5
    assert asks.do("Agent.get", "cache", f"{HERE}:whole") == {"pear": 7}
    with pytest.raises(UnknownRequest, match="cannot be imported"):
        asks.do("Agent.get", "cache", "no_such_module:f")
    with pytest.raises(ProcessDown, match="LookupError"):
        asks.do("Agent.update", "cache", f"{HERE}:raises", timeout=None)
