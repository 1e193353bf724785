"""Values of the user's between clients and workers, and among workers (4.5, 4.13, 4.17)."""

import asyncio
import enum
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

import otpy
import otpy.aio
from otpy import NotSendable
from otpy.wire import link as wire_link
from otpy.wire.frames import frame
from tests.support.node import Nodes, NodeUnderTest
from tests.support.raw import RawClient

TREE: Final = """
    name: values
    children:
      - {id: keeper, start: "tests.support.value_workers:Keeper"}
      - {id: peer, start: "tests.support.value_workers:Peer"}
      - {id: handing, start: "tests.support.value_workers:Handing"}
      - {id: answerer, start: "tests.support.value_workers:Answerer"}
      - {id: pool, strategy: dynamic}
    """

VALUES: Final[list[Any]] = [
    (1, [2, (3,)]),
    {1, 2},
    datetime(2024, 2, 29, 12, 30),  # noqa: DTZ001
    Decimal("1.10"),
    bytearray(b"x"),
    {(1, 2): {"a": date(2024, 2, 29)}},
]


class Color(enum.IntEnum):
    RED = 1


@pytest.fixture
def node(nodes: Nodes) -> Iterator[NodeUnderTest]:
    """Run workers that have to live through the whole test."""
    node = nodes.run(TREE)
    before = {name: node.call(name, "pid") for name in ("keeper", "peer", "handing")}
    yield node
    assert {name: node.call(name, "pid") for name in before} == before


def ask_on_a_loop(name: str, *request: Any) -> Any:
    async def ask() -> Any:
        async with otpy.aio.connect("values") as client:
            return await client[name].call(*request)

    return asyncio.run(ask())


def test_a_value_of_a_client_arrives_as_what_it_was_and_comes_back(node: NodeUnderTest) -> None:
    keeper = node.client["keeper"]
    for value in VALUES:
        told = f"{type(value).__name__} {value!r}"
        assert keeper.call("kind", value) == told
        assert ask_on_a_loop("keeper", "kind", value) == told
        assert keeper.send_request("kind", value).result() == told
        assert node.call("peer", "told", "kind", value) == ["answer", repr(told)]
        for back in (keeper.call("echo", value), ask_on_a_loop("keeper", "echo", value)):
            assert repr(back) == repr(value)
        keeper.cast("note", value)
        keeper.cast_many([("note", value)])
    assert repr(keeper.call("noted")) == repr([each for each in VALUES for _ in range(2)])
    keeper.replace_state({"state": VALUES})
    assert repr(keeper.get_state()["state"]) == repr(VALUES)
    pool = node.client.supervisor("pool")
    spec = {"id": "w", "start": "tests.support.value_workers:Keeper", "args": tuple(VALUES)}
    pool.start_child(spec)
    assert node.call("pool/w", "given") == repr(tuple(VALUES))
    assert repr(pool.get_childspec("w")["args"]) == repr(VALUES)
    pool.terminate_child("w")
    assert node.call("peer", "start", VALUES[2]) == repr((VALUES[2],))


def test_what_cannot_be_sent_is_refused_where_it_is_sent(node: NodeUnderTest) -> None:
    keeper = node.client["keeper"]
    deep: Any = 0
    for _ in range(990):
        deep = [deep]
    for bad in (Color.RED, {Color.RED: 1}, [object()], deep, 2**70, "\ud800"):
        keeper.cast("note", 1)
        for send in (keeper.call, keeper.cast, keeper.send_request):
            with pytest.raises(NotSendable):
                send("note", bad)
        with pytest.raises(NotSendable):
            keeper.cast_many([("note", bad)])
        with pytest.raises(NotSendable):
            ask_on_a_loop("keeper", "echo", bad)
        with pytest.raises(NotSendable):
            keeper.replace_state({"state": bad})
        with pytest.raises(NotSendable):
            node.client.supervisor("pool").start_child({"id": "w", "start": "m:f", "args": [bad]})
    with pytest.raises(NotSendable, match="object"):
        keeper.call("make", "object")
    assert keeper.call("noted") == [1] * 6


def test_what_cannot_be_read_is_refused_alone(node: NodeUnderTest) -> None:
    with RawClient(node) as client, client.link("keeper") as link:
        link.message()
        bad = b"\x81\x81\x01\x02\x03"
        calls = b"".join(frame(bytes((0x93, wire_link.CALL, n)) + bad) for n in (1, 2))
        casts = frame(bytes((0x92, wire_link.CAST, 0x92)) + b"\xa4note" + bad)
        several = b"\x92\x92\xa4note\x07\x92\xa4note" + bad
        link.send(calls + casts + frame(bytes((0x92, wire_link.CASTS)) + several))
        link.say([wire_link.CALL, 3, "noted"])
        answers = [link.message() for _ in range(3)]
    assert [answer[:3] for answer in answers[:2]] == [
        [wire_link.ERROR, number, "NotSendable"] for number in (1, 2)
    ]
    assert answers[2] == [wire_link.REPLY, 3, [7]]
    node.says(r"NotSendable: a cast: the receiver cannot read it")


@pytest.mark.parametrize("error", ["value", "exit", "stop"])
def test_what_raises_where_it_is_read_is_refused_alone(node: NodeUnderTest, error: str) -> None:
    kind, text = node.call("peer", "send", "call", error)
    assert kind == "NotSendable"
    assert {"value": "ValueError", "exit": "SystemExit", "stop": "GeneratorExit"}[error] in text
    assert node.call("peer", "send", "cast", error) == ["cast", ""]
    node.says("NotSendable: the receiver cannot read it")


def test_an_answer_that_cannot_be_read_is_an_error_to_the_caller(node: NodeUnderTest) -> None:
    for name in ("raises", "exit"):
        kind, text = node.call("peer", "told", "make", name)
        assert (kind, "the reply" in text) == ("NotSendable", True)
    with pytest.raises(NotSendable, match=r"the reply: .*ValueError"):
        node.client["handing"].call("anything")


def test_equal_keys_are_one_key(node: NodeUnderTest) -> None:
    key, equal = {"a": 1, "b": {"c": (2, 3), "d": 4}}, {"b": {"d": 4, "c": [2, 3]}, "a": 1}
    node.call("peer", "register", key)
    assert [each.path for each in node.client.lookup(equal)] == ["peer"]
    assert node.call("peer", "look_up", equal) == ["peer"]

    async def look_up() -> list[Any]:
        async with otpy.aio.connect("values") as client:
            return await client.lookup(equal)

    assert [each.path for each in asyncio.run(look_up())] == ["peer"]
    assert node.client.lookup({**equal, "a": 2}) == []
    assert node.client.dispatch(2**70, "to nobody") == 0
