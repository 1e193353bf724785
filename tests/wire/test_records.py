"""Records between processes: what comes up is typed, and never runs anything."""

import contextlib
import pickle
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy import errors
from otpy.core import exits, messages, spec
from otpy.errors import OtpyError, ProtocolError
from otpy.events import ChildStarted
from otpy.wire import control, sys_messages
from otpy.wire.control import Address, Answered, AskProcess, FromSupervisor, FromWorker, NodeRequest
from otpy.wire.records import RecordCodec

CODEC = RecordCodec(FromSupervisor)

CHILD = spec.ChildSpec(
    "pool",
    spec.SupervisorSpec(
        strategy=spec.Strategy.REST_FOR_ONE,
        children=(
            spec.ChildSpec("a", spec.ServerStart("m:f", (1, [2]), {"k": None}), shutdown=1),
            spec.ChildSpec("b", spec.CommandStart(("prog",)), spec.Restart.TEMPORARY),
        ),
    ),
    shutdown=spec.INFINITY,
)
EVENT = ChildStarted(at=1.5, path="a", kind="worker", pid=5, incarnation=2)
NESTED = exits.FailedToStartChild("a", exits.FailedToStartChild("b", exits.Raised("E: x", "trace")))
INQUIRIES: list[sys_messages.SysRequest] = [
    sys_messages.ReplaceState({"a": [1]}),
    sys_messages.GetState(),
    sys_messages.Suspend(),
    sys_messages.Resume(),
    sys_messages.ReadCounters(),
    sys_messages.DumpStacks(),
]

MESSAGES = [
    control.Ready(trap_exit=False),
    control.IgnoreStart(),
    control.Exiting(NESTED, "in hand"),
    control.Forget(7),
    control.Publish((EVENT,)),
    control.LinkOpened(1, "a", 5, 2),
    NodeRequest(1, Address("a", 1), control.Connect("b")),
    NodeRequest(1, Address("a", 1), control.Register(b"k", b"v")),
    NodeRequest(
        1, Address("a", 1), AskProcess("p", messages.StartMany((messages.StartChild(CHILD),)))
    ),
    NodeRequest(1, Address("a", 1), AskProcess("p", messages.StartCopy("x", (1,), {"y": [1]}))),
    *(NodeRequest(1, Address("a", 1), AskProcess("p", request)) for request in INQUIRIES),
    Answered(1, CHILD, {"a": 4}),
    Answered(1, messages.Results((messages.Done("a", 1), messages.NotStarted(NESTED))), {}),
    Answered(1, control.RawReply(packed=b"\xc0"), {}),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_record_comes_back(message: object) -> None:
    number, read = CODEC.decode(CODEC.encode(message, 3))
    assert (number, repr(read)) == (3, repr(message))
    assert read == message


@pytest.mark.parametrize(
    "error",
    [
        errors.NoProcess("none"),
        errors.ProcessDown("killed", "trace"),
        errors.FrameTooLarge(5, 4),
        errors.SpecError(["one", "two"]),
        errors.SeveralInstances("pool", 2, (1, -1)),
        errors.SupervisorError("not_found", "x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_back(error: OtpyError) -> None:
    _, message = CODEC.decode(CODEC.encode(Answered(1, error, {})))
    assert type(message.answer) is type(error)
    assert str(message.answer) == str(error)


def test_an_error_of_a_users_class_comes_as_what_it_is_to_others() -> None:
    class Mine(errors.Refused):
        pass

    _, message = CODEC.decode(CODEC.encode(Answered(1, Mine("no"), {})))
    assert type(message.answer) is errors.Refused


def test_a_worker_may_not_send_what_supervisors_send() -> None:
    worker = RecordCodec(FromWorker)
    for message in (control.Publish((EVENT,)), control.LinkOpened(1, "a", 5, 2)):
        with pytest.raises(ProtocolError):
            worker.decode(CODEC.encode(message))


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_no_record(protocol: int) -> None:
    with pytest.raises(ProtocolError):
        CODEC.decode(pickle.dumps((0, Evil()), protocol))


@given(st.binary())
def test_bytes_are_a_record_or_a_protocol_error(body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        CODEC.decode(body)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=3)
    | st.sampled_from(
        [
            "Ready",
            "Exiting",
            "NodeRequest",
            "Answered",
            "Connect",
            "Raised",
            "NoProcess",
            "ServerStart",
        ]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)


@given(PLAIN)
def test_data_is_a_record_or_a_protocol_error(data: object) -> None:
    with contextlib.suppress(ProtocolError):
        CODEC.decode(msgspec.msgpack.encode([0, data]))


@pytest.mark.parametrize(
    "record",
    [
        ["Ready", 1, True],
        ["Ready", True],
        ["Exiting", ["Raised", "x", 5], ""],
        ["Exiting", ["Killed", "more"], ""],
        ["NodeRequest", 1, ["Address", "a", "1"], ["Connect", "b"]],
        ["Answered", 1, ["OtpyError2", "x"], {}],
        ["Answered", 1, ["OtpyError"], {"a": "pid"}],
        ["Publish", [{"event": "ChildStarted"}]],
    ],
)
def test_a_field_of_another_type_is_a_protocol_error(record: list[object]) -> None:
    with pytest.raises(ProtocolError):
        CODEC.decode(msgspec.msgpack.encode([0, record]))


def test_events_that_were_read_leave_nothing_behind() -> None:
    """CPython keeps up to 2,000 tuples of each length that had been made longer (6.5)."""
    codec = RecordCodec(FromSupervisor)
    event = ChildStarted(at=1.0, path="a", kind="worker", pid=5, incarnation=1)
    bodies = [codec.encode(control.Publish((event,) * count)) for count in range(1, 8)]

    def read(times: int) -> None:
        for _ in range(times):
            for body in bodies:
                codec.decode(body)

    tracemalloc.start()
    read(10)
    before = tracemalloc.get_traced_memory()[0]
    read(1000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 16 << 10
