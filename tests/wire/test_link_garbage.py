"""Whatever a client sends to a worker, the worker goes on and other clients are served."""

import random
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import msgspec
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpy import FrameTooLarge
from otpy.events import ChildStarting
from otpy.wire import link as wire_link
from otpy.wire.codec import pack
from otpy.wire.frames import frame
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import descriptors
from tests.support.raw import RawClient, RawLink

GARBAGE: Final[dict[str, bytes]] = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "huge header": b"\xff\xff\xff\xff",
    "a byte over max_frame": struct.pack(">I", (64 << 20) + 1),
    "random": random.Random(7).randbytes(5000),
    "empty frame": frame(b""),
    "no message pack": frame(b"\xc1"),
    "trailing bytes": frame(pack([0, 1, "x"]) + b"x"),
    "deep": frame(b"\x91" * 500_000 + b"\xc0"),
    "no array": frame(pack("call")),
    "unknown tag": frame(pack([9, 1, "x"])),
    "too short": frame(pack([0])),
    "casts that are none": frame(pack([2, "x"])),
    "too long": frame(pack([0, 1, 2, 3])),
    "number is a string": frame(pack([0, "1", "x"])),
}

UNREADABLE: Final[dict[str, bytes]] = {
    "bad UTF-8": b"\xa2\xff\xff",
    "a map as a key": b"\x81\x81\x01\x02\x03",
    "a time that is none": b"\xc7\x0c\xff" + b"\xff" * 12,
    "deep": b"\x91" * 500_000 + b"\xc0",
}


@pytest.fixture
def node(nodes: Nodes) -> Iterator[NodeUnderTest]:
    """Run a worker that has to live through the whole test."""
    node = nodes.run("""
        name: app
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.call("a", "increment")
    yield node
    assert node.call("a", "get_count") == 1
    assert {event.incarnation for event in node.seen(ChildStarting)} == {1}


@pytest.fixture
def link(node: NodeUnderTest) -> Iterator[RawLink]:
    with RawClient(node) as client, client.link("a") as link:
        tag, version, incarnation, max_frame = link.message()
        assert (tag, version, incarnation, max_frame) == (
            wire_link.HELLO,
            wire_link.VERSION,
            1,
            64 << 20,
        )
        yield link


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_told_to_its_sender_who_is_dropped(link: RawLink, name: str) -> None:
    link.send(GARBAGE[name])
    if name == "http":
        link.send(b"x" * 100)
    answer = link.message()
    assert answer[0] == wire_link.DOWN
    assert answer[1].startswith("protocol error")
    assert link.message() is None


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_call_whose_value_cannot_be_read_is_refused_alone(link: RawLink, name: str) -> None:
    link.send(frame(bytes((0x93, wire_link.CALL, 7)) + UNREADABLE[name]))
    link.say([wire_link.CALL, 8, "get_count"])
    refused = link.message()
    assert refused[:3] == [wire_link.ERROR, 7, "NotSendable"]
    assert link.message() == [wire_link.REPLY, 8, 1]


def test_who_sends_a_call_and_garbage_in_one_write_is_told_why_it_is_dropped(link: RawLink) -> None:
    link.send(frame(pack([wire_link.CALL, 1, "get_count"])) + frame(b"\xc1"))
    tags = []
    while (message := link.message()) is not None:
        tags.append(message[0])
    assert wire_link.DOWN in tags


def test_a_call_that_comes_byte_by_byte_is_answered(link: RawLink) -> None:
    for byte in frame(pack([wire_link.CALL, 7, "get_count"])):
        link.send(bytes([byte]))
    assert link.message() == [wire_link.REPLY, 7, 1]


def test_who_hangs_up_within_a_frame_is_forgotten(node: NodeUnderTest) -> None:
    pid = node.pids()["a"]
    before = len(descriptors(pid))
    for _ in range(20):
        with RawClient(node) as client, client.link("a") as link:
            link.message()
            link.send(frame(pack([wire_link.CALL, 7, "get_count"]))[:-1])
    assert node.call("a", "get_count") == 1
    node.until(
        lambda: node.call("a", "get_count") and len(descriptors(pid)) <= before, "closed links"
    )


def test_a_frame_as_large_as_allowed_passes_and_a_larger_one_is_refused(
    node: NodeUnderTest,
) -> None:
    room = (64 << 20) - 100
    assert len(node.call("a", "echo", "x" * room)) == room
    with pytest.raises(FrameTooLarge):
        node.call("a", "echo", "x" * (65 << 20))
    with pytest.raises(FrameTooLarge):
        node.call("a", "huge", 65 << 20)


def test_a_client_that_does_not_read_blocks_itself_alone(
    node: NodeUnderTest, link: RawLink
) -> None:
    pid = node.pids()["a"]
    before = psutil.Process(pid).memory_info().rss
    request = frame(msgspec.msgpack.encode([wire_link.CALL, 1, ["echo", "x" * 50_000]]))
    sent = link.fill(request)
    assert sent < 16 << 20
    assert node.call("a", "get_count") == 1
    assert psutil.Process(pid).memory_info().rss - before < 64 << 20


def test_random_frames(node: NodeUnderTest) -> None:
    source = random.Random(20240301)
    with RawClient(node) as client:
        client.hello()
    for _ in range(50):
        with RawClient(node) as client, client.link("a") as link:
            link.message()
            link.send(frame(source.randbytes(source.randrange(1, 200))))
            while link.message() is not None:
                pass


def test_whatever_a_client_says_on_a_link_ends_that_link_alone(node: NodeUnderTest) -> None:
    """5.1, at a worker's edge: frames of any bytes, and messages of any shape."""
    values = st.recursive(
        st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary() | st.text(),
        lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(), each, max_size=4),
        max_leaves=8,
    )

    @settings(max_examples=100)
    @given(
        body=st.binary(max_size=60)
        | st.lists(values | st.integers(0, 9), max_size=4).map(pack)
        | st.builds(
            lambda number, value: pack([wire_link.CALL, number, value]),
            st.integers(0, 2**64 - 1),
            values,
        )
    )
    def fuzz(body: bytes) -> None:
        with RawClient(node) as client, client.link("a") as link:
            link.send(frame(body))

    fuzz()
    node.call("a", "get_count")


def test_lengths_that_are_only_announced_take_no_memory(node: NodeUnderTest) -> None:
    pid = node.pids()["a"]
    before = psutil.Process(pid).memory_info().rss
    with ExitStack() as stack:
        client = stack.enter_context(RawClient(node))
        for _ in range(20):
            link = stack.enter_context(client.link("a"))
            link.message()
            link.send(struct.pack(">I", 60 << 20) + b"0123456789")
        assert node.call("a", "get_count") == 1
        assert psutil.Process(pid).memory_info().rss - before < 16 << 20
