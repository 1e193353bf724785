"""Whatever a client sends to the gateway, the tree goes on and other clients are served."""

import contextlib
import math
import os
import random
import resource
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpy.events import ChildStarting
from otpy.wire.codec import pack
from otpy.wire.frames import frame
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import descriptors
from tests.support.raw import RawClient

HELLO: Final = frame(pack([1, "hello", {}]))
DEEP: Final = b"\x91" * 500_000 + b"\xc0"

BEFORE_HELLO: Final[dict[str, bytes]] = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "huge header": b"\xff\xff\xff\xff",
    "random": random.Random(5).randbytes(2000),
    "zeros": bytes(64),
    "empty frame": frame(b""),
    "no message pack": frame(b"\xc1\xc1"),
    "deep": frame(DEEP[-4000:]),
    "tree without hello": frame(pack([1, "tree", {}])),
    "map": frame(pack({"number": 1})),
    "too few": frame(pack([1, "hello"])),
    "number is a string": frame(pack(["1", "hello", {}])),
    "operation is a number": frame(pack([1, 2, {}])),
    "arguments are an array": frame(pack([1, "hello", []])),
    "keys are numbers": frame(pack([1, "hello", {1: 2}])),
    "operation is no UTF-8": frame(b"\x93\x01\xa1\xff\x80"),
    "key is no UTF-8": frame(b"\x93\x01\xa5hello\x81\xa1\xff\xc0"),
    "key is a map": frame(b"\x93\x01\xa5hello\x81\x80\xc0"),
    "number is a timestamp": frame(b"\x93\xc7\x0c\xff" + b"\xff" * 12 + b"\xa5hello\x80"),
    "too large for a hello": frame(pack([1, "hello", {"x": "x" * 10_000}])),
}

AFTER_HELLO: Final[dict[str, bytes]] = {
    "huge header": b"\x7f\xff\xff\xff",
    "random": random.Random(6).randbytes(5000),
    "deep": frame(DEEP),
    "deep in arguments": frame(b"\x93\x01\xa4tree\x81\xa1x" + DEEP),
    "unknown operation": frame(pack([1, "format_disk", {}])),
    "too large": frame(pack([1, "whereis", {"name": "x" * (1 << 20)}])),
    "empty frame": frame(b""),
    "name is no UTF-8": frame(b"\x93\x02\xa7whereis\x81\xa4name\xa2\xff\xfe"),
    "key of a value is a map": frame(b"\x93\x02\xa7whereis\x81\xa4name\x81\x81\x01\x02\x03"),
}

TREE: Final = """
name: app
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - id: branch
    children:
      - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: pool, strategy: dynamic, template: {id: t, start: "otpy.examples.counter:Counter"}}
"""


@pytest.fixture
def node(nodes: Nodes) -> Iterator[NodeUnderTest]:
    """Run a node of which every process has to live through the whole test."""
    node = nodes.run(TREE)
    node.call("a", "increment")
    node.call("b", "increment")
    yield node
    assert node.call("a", "get_count") == node.call("b", "get_count") == 1
    assert {event.incarnation for event in node.seen(ChildStarting)} == {1}
    assert node.stop() == 0
    assert "Traceback" not in node.errors


def _answers_or_closes(node: NodeUnderTest, data: bytes) -> None:
    """Send bytes after a hello; whatever becomes of that client, the next one is served."""
    with RawClient(node) as client:
        client.hello()
        client.send(data)
        client.socket.shutdown(1)
        client.await_close()


VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary()
    | st.text()
    | st.datetimes(timezones=st.just(UTC)),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text() | st.integers(-9, 9), each),
    max_leaves=8,
)
OPERATIONS: Final = (
    "hello", "whereis", "tree", "connect", "supervisor", "start_task", "signal", "statistics",
    "stop", "trace", "stack", "get_state", "replace_state", "exit_info", "events", "lookup",
)  # fmt: skip
NAMES: Final = (
    "name", "timeout", "path", "op", "spec", "specs", "child", "children", "supervisor", "linked",
    "shutdown", "number", "below", "incarnation", "reason", "attributes", "follow", "key",
    "version",
)  # fmt: skip
"""All arguments of all operations, but `shutdown` of the node, and what leaves a server asleep."""

SMALL: Final = VALUES | st.sampled_from(["a", "", "branch", "branch/b", "@gateway", 1, "get_state"])


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_whatever_a_client_sends_ends_that_client_alone(node: NodeUnderTest) -> None:
    """5.1: raw bytes, broken frames, and every operation with arguments of any shape."""
    gateway = node.pids()["@gateway"]

    @settings(max_examples=150)
    @given(body=st.binary(max_size=60), cut=st.integers(0, 60), framed=st.booleans())
    def raw(body: bytes, cut: int, framed: bool) -> None:
        _answers_or_closes(node, frame(body)[: cut or None] if framed else body)

    @settings(max_examples=150)
    @given(
        number=st.integers(-5, 2**40),
        operation=st.sampled_from(OPERATIONS) | st.text(),
        arguments=st.dictionaries(st.sampled_from(NAMES), SMALL) | VALUES,
    )
    def requests(number: int, operation: str, arguments: Any) -> None:
        if isinstance(arguments, dict) and operation == "signal":
            arguments["number"] = 0
        if operation != "stop":
            _answers_or_closes(node, frame(pack([number, operation, arguments])))

    @settings(max_examples=100)
    @given(
        data=st.builds(
            lambda body, at, byte: (
                body[: at % len(body)] + bytes([byte]) + body[at % len(body) + 1 :]
            ),
            st.sampled_from([pack([2, name, good]) for name, good in ARGUMENTS.items()]),
            st.integers(0, 1000),
            st.integers(0, 255),
        )
    )
    def flipped(data: bytes) -> None:
        if b"signal" not in data:
            _answers_or_closes(node, frame(data))

    raw()
    requests()
    flipped()
    assert node.pids()["@gateway"] == gateway
    assert psutil.pid_exists(gateway)


def test_values_nested_deep_end_nobody(node: NodeUnderTest) -> None:
    """Who decodes a value at the top of its stack may fail to encode it a few calls deeper."""
    before = node.pids()
    with RawClient(node) as client:
        client.hello()
        for levels in (150, *range(400, 520, 5), 900):
            copy = {"path": "pool", "op": "start_child", "spec": {"args": [deep(levels)]}}
            status, *error = client.ask("supervisor", copy)
            assert status == (1 if levels > 200 else 0), error
            state = {"name": "a", "attributes": {"kept": deep(levels)}}
            status, *error = client.ask("replace_state", state)
            assert status == (1 if levels > 200 else 0), str(error)[:200]
    assert {path: pid for path, pid in node.pids().items() if path in before} == before


def memory(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def test_garbage_instead_of_a_hello(node: NodeUnderTest) -> None:
    for name, data in BEFORE_HELLO.items():
        with RawClient(node) as client:
            client.send(data)
            client.socket.shutdown(1)
            for answer in client.await_close():
                assert answer[1] == 1, f"{name} was answered by {answer}"
        with RawClient(node) as client:
            assert client.hello()[0] == 0


def test_garbage_after_a_hello(node: NodeUnderTest) -> None:
    for name, data in AFTER_HELLO.items():
        with RawClient(node) as client:
            client.hello()
            client.send(data)
            client.socket.shutdown(1)
            for answer in client.await_close():
                assert answer[1] == 1, f"{name} was answered by {answer}"
        node.disconnect()
        assert node.call("a", "get_count") == 1


ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    5,
    2**63,
    1.5,
    math.nan,
    math.inf,
    -math.inf,
    1e300,
    "",
    "x",
    "../..",
    "a/b/c",
    "\0",
    b"bytes",
    [],
    [1, [2]],
    {},
    {"id": "x"},
    {"id": 5, "start": []},
    {"id": "x", "start": "os:system", "args": {"a": {"b": [1.5, None]}}, "shutdown": math.nan},
)

ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "whereis": {"name": "a"},
    "connect": {"name": "a", "timeout": 5.0},
    "start_task": {"supervisor": "", "shutdown": 1.0, "linked": True},
    "signal": {"name": "a", "number": 0},
    "statistics": {"name": "a", "below": False},
    "get_state": {"name": "a"},
    "replace_state": {"name": "a", "attributes": {"x": 1}},
    "resume": {"name": "a"},
    "trace": {"name": "a"},
    "stack": {"name": "a"},
    "exit_info": {"path": "a", "incarnation": 1},
    "events": {"follow": False},
    "supervisor": {
        "path": "",
        "op": "which_children",
        "child": "x",
        "spec": {"id": "x"},
        "specs": [{"id": "x"}],
        "children": ["x"],
    },
}
"""Good arguments for each operation that has any."""


@pytest.mark.parametrize("operation", ARGUMENTS)
def test_wrong_arguments_are_answered(node: NodeUnderTest, operation: str) -> None:
    good = ARGUMENTS[operation]
    ops = ["start_child", "get_childspec", "restart_child", "delete_child", "terminate_child"]
    many = {"specs": ["start_children"], "children": ["terminate_children"]}
    with RawClient(node) as client:
        client.hello()
        # How one ended is answered once it has: these are not answered as long as it lives.
        client.send(frame(pack([0, operation, {}])))
        for key in good:
            for value in ODD:
                for op in ops if key in ("child", "spec", "path") else many.get(key, [None]):
                    arguments = {**good, **({"op": op} if op else {}), key: value}
                    if operation == "exit_info" and key == "incarnation" and value in (True, 1.5):
                        continue  # 1 by another name: told once it has ended
                    if key == "number" and value in (True, 5):
                        continue  # these are signals
                    client.send(frame(pack([3, operation, arguments])))
        client.send(frame(pack([4, "whereis", {"name": "a"}])))
        while (answer := client.answer()) is not None and answer[0] != 4:
            assert answer[1] in (0, 1, 2)
        assert answer is not None, "the gateway closed the connection"
        assert answer[2]["state"] == "running"


def test_too_many_children_in_one_request_are_refused(node: NodeUnderTest) -> None:
    with RawClient(node) as client:
        client.hello()
        for op, many in (("start_children", "specs"), ("terminate_children", "children")):
            arguments = {"path": "", "op": op, many: [{}] * 10_001}
            status, name, (text,) = client.ask("supervisor", arguments)
            assert (status, name) == (1, "ProtocolError")
            assert text == "10001 children in one request, expected at most 10000"
    assert node.call("a", "get_count") == 1


def test_numbers_that_are_no_signals_reach_nobody(node: NodeUnderTest) -> None:
    with RawClient(node) as client:
        client.hello()
        for name in ("a", "branch", "b", "", "@gateway"):
            for number in (-1, 65, 9999, 2**31, 2**62, "x", math.inf):
                status, *_ = client.ask("signal", {"name": name, "number": number})
                assert status == 1
    assert node.call("a", "get_count") == 1


def test_a_timeout_that_nobody_can_wait_for(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [ok, fifo]]}
          - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    os.mkfifo(nodes.work / "log.fifo")
    node.kill("a")
    node.logged("init", "a", 2, "fifo")
    with RawClient(node) as client:
        client.hello()
        for number, timeout in enumerate([math.nan, math.inf, -1, "5"]):
            assert client.ask("connect", {"name": "a", "timeout": timeout}, number)[0] == 1
        # This one is held, and far off.
        client.send(frame(pack([9, "connect", {"name": "a", "timeout": 1e300}])))
        assert client.ask("whereis", {"name": "b"})[0] == 0
        (nodes.work / "log.fifo").write_bytes(b"go on")
        assert client.answer()[:2] == [9, 0]
    assert node.incarnations()["@gateway"] == 1


def test_truncated_frames_and_clients_that_say_nothing_are_dropped_after_a_while(
    node: NodeUnderTest,
) -> None:
    said_hello = RawClient(node)
    said_hello.hello()
    clients = [RawClient(node) for _ in range(5)]
    clients[1].send(HELLO[:3])
    clients[2].send(HELLO[:-1])
    clients[3].hello()
    clients[3].send(frame(b"x" * 1000)[:500])
    clients[4].hello()
    clients[4].send(b"\0")
    assert node.call("a", "get_count") == 1
    for client in clients:
        client.await_close()
        client.close()
    # Who has said hello may be silent for as long as it likes.
    assert said_hello.ask("whereis", {"name": "a"})[0] == 0
    said_hello.close()


def test_a_frame_that_comes_byte_by_byte_is_served(node: NodeUnderTest) -> None:
    with RawClient(node) as client:
        for byte in HELLO:
            client.send(bytes([byte]))
        assert client.answer()[1] == 0
        for byte in frame(pack([2, "whereis", {"name": "a"}])):
            client.send(bytes([byte]))
        assert client.answer()[1] == 0


def test_a_thousand_idle_connections(node: NodeUnderTest) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    gateway = node.pids()["@gateway"]
    before_fds, before = len(descriptors(gateway)), memory(gateway)
    clients = [RawClient(node) for _ in range(1000)]
    for client in clients[:500]:
        client.hello()
    assert node.call("a", "get_count") == 1
    assert memory(gateway) - before < 32 << 20
    for client in clients:
        client.close()
    node.disconnect()
    with RawClient(node) as last:
        last.hello()
        node.until(lambda: _asked(last) and len(descriptors(gateway)) <= before_fds + 1, "the end")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _asked(client: RawClient) -> bool:
    return bool(client.ask("whereis", {"name": "a"})[0] == 0)


def test_clients_that_do_not_read_their_answers_do_not_make_the_gateway_grow(
    node: NodeUnderTest,
) -> None:
    gateway = node.pids()["@gateway"]
    before = memory(gateway)
    request = frame(pack([2, "tree", {}])) * 1000
    for _ in range(3):
        with RawClient(node) as client:
            client.hello()
            client.socket.settimeout(0.5)
            with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                for _ in range(1000):
                    client.socket.sendall(request)
        assert node.call("a", "get_count") == 1
    assert memory(gateway) - before < 64 << 20


def test_a_follower_that_does_not_read_does_not_stop_the_others(node: NodeUnderTest) -> None:
    with RawClient(node) as deaf, RawClient(node) as follower:
        for client in (deaf, follower):
            client.hello()
            client.send(frame(pack([2, "events", {"follow": True}])))
        node.client.supervisor().start_child(
            {"id": "c", "start": "tests.support.workers:Remote", "args": [f"{node.work}/log"]}
        )
        while (event := follower.answer()) is not None:
            if event[2]["event"] == "ChildStarted" and event[2]["path"] == "c":
                break
        assert event is not None


def test_random_bytes_from_a_hundred_clients(node: NodeUnderTest) -> None:
    source = random.Random(20240229)
    for number in range(100):
        with RawClient(node) as client:
            if number % 2:
                client.hello()
            size = source.randrange(1, 3000)
            body = source.randbytes(size)
            client.send(frame(body) if source.random() < 0.7 else body)
    assert node.call("a", "get_count") == 1


def test_a_request_that_takes_too_much_memory_ends_its_client_alone(node: NodeUnderTest) -> None:
    """5.1: of a byte may come a list of 56, and a request may have 64 MiB."""
    count = 18 << 20
    start = b"\x93\x02\xaasupervisor\x81\xa5specs\xdd" + count.to_bytes(4)
    gateway = node.pids()["@gateway"]
    with RawClient(node) as client:
        client.hello()
        client.send(frame(start + b"\x90" * count))
        answer = client.answer()
        assert answer is None or answer[1] == 1
    assert node.call("a", "get_count") == 1
    assert node.pids()["@gateway"] == gateway


def test_only_specs_may_be_large(node: NodeUnderTest) -> None:
    with RawClient(node) as client:
        client.hello()
        assert client.ask("whereis", {"name": "x" * (2 << 20)})[:2] == [1, "FrameTooLarge"]
        assert client.ask("whereis", {"name": "a"})[0] == 0
