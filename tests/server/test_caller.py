"""A caller is a value, whatever the request is (4.10)."""

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from otpy import Call
from otpy.runtime.worker.connections import LinkCall, RemoteCaller
from otpy.server import context
from tests.support.node import Nodes


class Odd:
    """A request that can be neither compared nor hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")


class FakeLink:
    def __init__(self, number: int) -> None:
        self.id = number


@pytest.fixture
def worker() -> Iterator[None]:
    """Be a worker of a tree."""
    nothing: Any = None
    context._contexts[:] = [context.Context("shop", 3, nothing, nothing)]
    yield
    context._contexts.clear()


def test_a_caller_is_equal_to_itself_alone() -> None:
    one, other = FakeLink(1), FakeLink(2)
    first = LinkCall(1, Odd(), one)
    others = [LinkCall(2, Odd(), one), LinkCall(1, Odd(), other), LinkCall(2, Odd(), other)]
    assert first == LinkCall(1, Odd(), one)
    assert all(first != each for each in others)
    assert len({first, *others}) == 4
    waiting = [*others, first]
    waiting.remove(first)
    assert waiting == others
    first.answered = True
    assert hash(first) == hash(LinkCall(1, Odd(), one))
    assert first != 5


@pytest.mark.usefixtures("worker")
def test_one_that_was_handed_on_is_the_same_one() -> None:
    first, second = LinkCall(1, Odd(), FakeLink(7)), LinkCall(2, Odd(), FakeLink(7))
    remote = pickle.loads(pickle.dumps(first, 5))
    assert isinstance(remote, RemoteCaller)
    assert remote == first
    assert first == remote
    assert hash(remote) == hash(first)
    assert remote != second
    assert second != remote
    assert {first, second, remote} == {first, second}
    assert remote == pickle.loads(pickle.dumps(remote, 5))
    assert remote != RemoteCaller("shop", 4, 7, 1)


def test_a_call_of_a_function_is_one_as_well() -> None:
    link = FakeLink(1)
    calls = [Call(Odd(), LinkCall(number, Odd(), link)) for number in range(2)]
    assert calls.index(calls[1]) == 1
    assert len(set(calls)) == 2


def test_callers_are_kept_in_a_set(nodes: Nodes) -> None:
    node = nodes.run("""
        name: callers
        children:
          - {id: a, start: "tests.support.contract_workers:Waiting"}
          - {id: b, start: "tests.support.contract_workers:Waiting"}
        """)
    waiting = [node.client["a"].send_request("wait", [number]) for number in range(3)]
    forwarded = node.client["a"].send_request("forward", "b")
    assert node.call("a", "release", "done") == 3
    assert [each.result() for each in waiting] == ["done"] * 3
    assert node.call("b", "release", "by b") == 1
    assert forwarded.result() == "by b"
