"""System messages (sys.erl): they overtake a server's messages, and leave its handlers alone."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted
from tests.runtime.test_calls import Asked
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

TREE = """
name: kept
max_restarts: 100
children:
  - {id: a, start: "tests.support.stateful:KIND", args: [WORK/log]}
"""
WHOLE = (
    TREE.replace("KIND", "Keeper")
    + """\
  - id: pool
    children:
      - {id: deep, start: "tests.support.stateful:Keeper", args: [WORK/log]}
      - {id: f, start: "tests.support.workers:answers", args: [WORK/log]}
      - {id: c, command: [sleep, "1000"]}
"""
)


@pytest.fixture(params=["Keeper", "Asynchronous"])
def node(nodes: Nodes, request: pytest.FixtureRequest) -> NodeUnderTest:
    return nodes.run(TREE.replace("KIND", request.param))


def ref_of(node: NodeUnderTest, name: str = "a") -> otpy.Ref:
    return node.client[name]


def state_of(node: NodeUnderTest, name: str = "a") -> Any:
    return ref_of(node, name).get_state(timeout=DEADLINE_S)


def keeper(nodes: Nodes, kind: str = "Keeper") -> NodeUnderTest:
    return nodes.run(TREE.replace("KIND", kind))


# ---- get_state -------------------------------------------------------------------------------


def test_the_state_is_the_attributes_of_the_instance(node: NodeUnderTest) -> None:
    node.call("a", "increment")
    state = state_of(node)
    assert state.pop("log").endswith("/log")
    assert state == {"count": 1, "hides": "", "secret": "open sesame", "callers": []}


def test_the_state_of_one_below_another_supervisor(shared: Callable[[str], NodeUnderTest]) -> None:
    assert state_of(shared(WHOLE), "deep")["count"] == 0


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("object", "<an odd thing>"),
        ("nested", {"deep": ["<an odd thing>", 1]}),
        ("broken", "<_Broken instance at"),
        ("cycle", "[[[[[[[...]]]]]]]"),
        ("huge", "['xxx"),
        ("long", "'yyy"),
        ("big integer", "1267650600228229401496703205376"),
        ("surrogate", "ud800"),
        ("set", {1}),
    ],
)
def test_what_cannot_be_sent_is_there_as_its_text(
    shared: Callable[[str], NodeUnderTest], kind: str, shown: object
) -> None:
    node = shared(WHOLE)
    node.call("a", "keep_odd", kind)
    state = state_of(node)
    assert state["count"] == 0
    if isinstance(shown, str):
        assert shown in state["kept"]
        assert len(state["kept"]) < 3000
    else:
        assert state["kept"] == shown


def test_a_caller_that_waits_for_its_answer_is_part_of_the_state(nodes: Nodes) -> None:
    node = keeper(nodes)
    pending = ref_of(node).send_request("later")
    while not state_of(node)["callers"]:
        pass  # the request is on its way
    assert not pending.done()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("pool", "is a supervisor, not a server"),
        ("c", "is a command, not a server"),
        ("f", "is a function, not a server"),
        ("zzz", "no process is named"),
    ],
)
def test_who_has_no_state(
    shared: Callable[[str], NodeUnderTest], name: str, complaint: str
) -> None:
    node = shared(WHOLE)
    for ask in ("get_state", "suspend", "resume", "trace"):
        with pytest.raises(otpy.NoProcess, match=complaint):
            getattr(ref_of(node, name), ask)(timeout=DEADLINE_S)


# ---- replace_state ---------------------------------------------------------------------------


def test_attributes_are_replaced(node: NodeUnderTest) -> None:
    state = ref_of(node).replace_state({"count": 41, "callers": [1]}, timeout=DEADLINE_S)
    assert (state["count"], state["callers"]) == (41, [1])
    assert node.call("a", "increment") == 42


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({"first": 2, "_limit": 11, "last": 4}, "ValueError: the limit is 10; .* as it was"),
        ({"first": 2, "slotted": 2, "third": 3}, "no attribute 'third'; it has: 'slotted', 'first"),
        ({"name": "other"}, "no attribute 'name'"),
    ],
)
def test_a_replacement_that_fails_leaves_the_state_as_it_was(
    nodes: Nodes, attributes: dict[str, object], complaint: str
) -> None:
    node = nodes.run("""
        name: guarded
        children:
          - {id: a, start: "tests.support.stateful:Guarded"}
        """)
    before = {"slotted": 1, "first": 1, "_limit": 10, "last": 3}
    assert state_of(node) == before
    with pytest.raises(otpy.Refused, match=complaint):
        ref_of(node).replace_state(attributes, timeout=DEADLINE_S)
    assert state_of(node) == before
    replaced = ref_of(node).replace_state({"slotted": 7, "last": None}, timeout=DEADLINE_S)
    assert replaced == {**before, "slotted": 7, "last": None}


def test_what_cannot_be_sent_does_not_leave_the_client(nodes: Nodes) -> None:
    node = keeper(nodes)
    with pytest.raises(otpy.NotSendable):
        ref_of(node).replace_state({"count": object()})
    assert state_of(node)["count"] == 0


# ---- suspend and resume ----------------------------------------------------------------------


def test_a_suspended_server_serves_system_messages_only(node: NodeUnderTest) -> None:
    ref = ref_of(node)
    ref.suspend(timeout=DEADLINE_S)
    assert ref.statistics().suspended
    first, second = ref.send_request("increment"), ref.send_request("increment")
    with pytest.raises(otpy.CallTimeout):
        ref.call("increment", timeout=0.1)
    assert state_of(node)["count"] == 0
    ref.replace_state({"count": 10}, timeout=DEADLINE_S)
    assert not first.done()
    ref.suspend(timeout=DEADLINE_S)  # once more does nothing
    ref.resume(timeout=DEADLINE_S)
    assert [first.result(DEADLINE_S), second.result(DEADLINE_S)] == [11, 12]
    assert not ref.statistics().suspended
    # What timed out was done all the same.
    assert node.call("a", "increment") == 14


def test_a_suspended_server_is_stopped_in_order(node: NodeUnderTest) -> None:
    ref_of(node).suspend(timeout=DEADLINE_S)
    node.client.supervisor().terminate_child("a")
    assert node.next(ChildEnded, path="a").reason == "shutdown"
    node.logged("terminate", "shutdown", 0)


def test_a_suspended_server_can_be_stopped_by_a_client(node: NodeUnderTest) -> None:
    ref = ref_of(node)
    ref.suspend(timeout=DEADLINE_S)
    pending = ref.send_request("increment")
    ref.stop(timeout=DEADLINE_S)
    node.logged("terminate", "normal", 0)
    with contextlib.suppress(otpy.ProcessDown):  # the next incarnation may get it
        pending.result(DEADLINE_S)


def test_a_suspended_server_that_is_killed_comes_back_awake(node: NodeUnderTest) -> None:
    ref = ref_of(node)
    ref.suspend(timeout=DEADLINE_S)
    pending = ref.send_request("increment")
    node.recover("a")
    with contextlib.suppress(otpy.ProcessDown):  # it was not read, or it was
        pending.result(DEADLINE_S)
    assert node.call("a", "increment") >= 1
    assert not ref.statistics().suspended


def test_a_resume_of_who_is_awake_does_nothing(node: NodeUnderTest) -> None:
    ref_of(node).resume(timeout=DEADLINE_S)
    assert node.call("a", "increment") == 1


def test_timers_wait_while_a_server_is_suspended(nodes: Nodes) -> None:
    node = nodes.run("""
        name: impatient
        children:
          - {id: a, start: "tests.support.stateful:Impatient", args: [WORK/log, 0.2]}
        """)
    ref_of(node).suspend(timeout=DEADLINE_S)
    noted = len(node.log())
    began = time.monotonic()
    while time.monotonic() - began < 0.5:
        state_of(node)
    assert len(node.log()) == noted
    ref_of(node).resume(timeout=DEADLINE_S)
    node.until(node.log, "a timeout")


@pytest.mark.parametrize("kind", ["Impatient", "AsyncImpatient"])
def test_a_system_message_restarts_a_timeout(nodes: Nodes, kind: str) -> None:
    seconds = 0.3
    node = nodes.run(f"""
        name: impatient
        children:
          - {{id: a, start: "tests.support.stateful:{kind}", args: [WORK/log, {seconds}]}}
        """)
    asked: list[tuple[float, float]] = []
    began = time.monotonic()
    while (now := time.monotonic()) - began < 3 * seconds:
        state_of(node)
        asked.append((now, time.monotonic()))
    ((what, at),) = node.until(node.log, "a timeout")
    assert what == "timeout"
    # Between two questions may pass more than that on a busy machine.
    assert [each for each in asked if at - seconds < each[0] and each[1] < at] == []


# ---- busy, dead, flooded ---------------------------------------------------------------------


def test_a_busy_server_answers_afterwards_or_its_death_does(nodes: Nodes) -> None:
    node = keeper(nodes)
    asked = Asked(lambda: node.client["a"].call("hang", timeout=None))
    node.logged("hangs")
    with pytest.raises(otpy.CallTimeout, match="did not answer within"):
        ref_of(node).get_state(timeout=0.1)
    waiting = Asked(lambda: node.client["a"].get_state(timeout=None))
    node.kill("a")
    assert isinstance(asked.result(), otpy.ProcessDown)
    result = waiting.result()
    # Its death answers; asked too late, the next incarnation does.
    assert isinstance(result, dict) or result.reason == "killed"


def test_a_server_that_crashes_before_it_answers_is_told_with_its_reason(nodes: Nodes) -> None:
    node = keeper(nodes)
    ref = ref_of(node)
    ref.suspend(timeout=DEADLINE_S)
    pending = ref.send_request("fail", "boom")
    ref.resume(timeout=DEADLINE_S)
    with pytest.raises(otpy.ProcessDown, match="ValueError: boom"):
        pending.result(DEADLINE_S)
    node.next(ChildStarted, path="a", incarnation=2)
    assert state_of(node)["count"] == 0


@contextlib.contextmanager
def flooding(node: NodeUnderTest, clients: int) -> Iterator[None]:
    """Cast from several clients as fast as they can."""
    stop = threading.Event()

    def flood() -> None:
        with otpy.connect(node.name, timeout=DEADLINE_S) as client:
            ref = client["a"]
            while not stop.is_set():
                with contextlib.suppress(otpy.CallTimeout):
                    ref.cast("increment_later", timeout=1.0)

    threads = [threading.Thread(target=flood) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(DEADLINE_S)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_flooded_server_answers_its_supervisor_and_does_not_grow(node: NodeUnderTest) -> None:
    node.call("a", "increment")
    pid = node.pids()["a"]
    with flooding(node, 3):
        counts = [state_of(node)["count"] for _ in range(50)]
        assert counts == sorted(counts)
        assert counts[-1] > counts[0]
        before = resident(pid)
        for _ in range(100):
            state_of(node)
        assert ref_of(node).statistics().queue < 100_000
        ref_of(node).suspend(timeout=DEADLINE_S)
        suspended_at = state_of(node)["count"]
        for _ in range(20):
            assert state_of(node)["count"] == suspended_at
        assert resident(pid) < before + (32 << 20)
        ref_of(node).resume(timeout=DEADLINE_S)
        node.client.supervisor().terminate_child("a")
        assert node.next(ChildEnded, path="a").reason == "shutdown"


def test_any_number_of_threads_may_ask(node: NodeUnderTest) -> None:
    node.call("a", "increment")

    def ask() -> list[int]:
        return [state_of(node)["count"] for _ in range(20)]

    asked = [Asked(ask) for _ in range(8)]
    for _ in range(50):
        node.call("a", "increment")
    for each in asked:
        counts = each.result()
        assert counts == sorted(counts)


# ---- format_status ---------------------------------------------------------------------------


def test_a_secret_is_hidden_in_the_state_and_in_the_post_mortem(nodes: Nodes) -> None:
    node = keeper(nodes, "Hider")
    assert state_of(node)["secret"] == "***"
    assert state_of(node)["count"] == 0
    with pytest.raises(otpy.ProcessDown) as caught:
        node.call("a", "fail", "open sesame")
    assert caught.value.reason == "error: ValueError: ***"
    assert "open sesame" not in caught.value.traceback
    end = node.next(ChildEnded, path="a")
    assert (end.reason, end.message) == ("error: ValueError: ***", "call 'a secret message'")
    assert "in fail" in end.traceback
    assert "open sesame" not in end.traceback + end.output
    node.next(ChildStarted, path="a", incarnation=2)
    assert "open sesame" not in node.output


@pytest.mark.parametrize("how", ["raise", "exit", "interrupt", "nonsense", "coroutine"])
def test_a_format_status_that_fails_hides_everything_and_harms_nobody(
    nodes: Nodes, how: str
) -> None:
    node = keeper(nodes, "Hider")
    ref_of(node).replace_state({"hides": how}, timeout=DEADLINE_S)
    assert state_of(node).startswith("hidden, since Hider.format_status r")
    assert node.call("a", "increment") == 1
    with pytest.raises(otpy.ProcessDown, match="ValueError: hidden, since Hider") as caught:
        node.call("a", "fail", "boom")
    end = node.next(ChildEnded, path="a")
    assert end.message.startswith("call 'hidden, since Hider.format_status r")
    assert end.reason.startswith("error: ValueError: hidden, since Hider.format_status r")
    assert end.traceback.startswith("hidden, since Hider.format_status r")
    assert node.next(ChildStarted, path="a").incarnation == 2
    for text in (node.output, caught.value.traceback, end.output):
        assert "boom" not in text
        assert "open sesame" not in text


@pytest.mark.parametrize("hides", ["", "exit"])
def test_what_is_printed_and_why_no_start_came_of_it_have_no_secret(
    nodes: Nodes, hides: str
) -> None:
    """4.15."""
    node = nodes.run(f"""
        name: secretive
        children:
          - {{id: a, start: "tests.support.stateful:Secretive", args: [open sesame, {hides!r}]}}
          - {{id: pool, strategy: dynamic}}
        """)
    server = node.client["a"]
    for request in (["unknown", "open sesame"], "refuse", ["remind", "open sesame"]):
        server.cast(request)
    node.says(r"^a .* has no handler for cast ")
    node.says(r"^a .*hidden, since" if hides else r"^a .* Refused: nothing for \*\*\*$")
    assert server.get_state() != {"secret": "open sesame", "hides": hides}
    spec = {
        "id": "x",
        "start": "tests.support.stateful:Secretive",
        "args": {"secret": "open sesame", "hides": hides, "fails": True},
    }
    with pytest.raises(otpy.StartFailed) as caught:
        node.client.supervisor("pool").start_child(spec)
    assert caught.value.reason.startswith("error: ValueError: ")
    assert server.statistics().incarnation == 1
    node.stop()
    for text in (node.output, str(caught.value), caught.value.traceback, str(node.events)):
        assert "open sesame" not in text


# ---- trace -----------------------------------------------------------------------------------


def test_a_trace_tells_what_comes_and_what_is_answered(node: NodeUnderTest) -> None:
    ref = ref_of(node)
    with ref.trace(timeout=DEADLINE_S) as trace:
        ref.cast("increment_later")
        assert node.call("a", "increment") == 2
        with pytest.raises(otpy.UnknownRequest):
            ref.call(("no", "such"), timeout=DEADLINE_S)
        events = [next(trace) for _ in range(5)]
    assert [(event.kind, event.text) for event in events[:4]] == [
        ("cast", "'increment_later'"),
        ("call", "'increment'"),
        ("reply", "2"),
        ("call", "('no', 'such')"),
    ]
    assert events[4].kind == "error"
    assert "UnknownRequest" in events[4].text
    assert events[1].call == events[2].call
    assert events[3].call == events[4].call != events[1].call
    assert {event.dropped for event in events} == {0}


def test_a_trace_ends_with_its_process(node: NodeUnderTest) -> None:
    trace = ref_of(node).trace(timeout=DEADLINE_S)
    node.call("a", "increment")
    node.kill("a")
    assert [event.kind for event in trace] == ["call", "reply"]
    node.next(ChildStarted, path="a", incarnation=2)
    assert next(trace, None) is None


def test_a_trace_is_ended_by_whoever_closes_it(node: NodeUnderTest) -> None:
    trace = ref_of(node).trace(timeout=DEADLINE_S)
    waiting = Asked(lambda: list(trace))
    node.call("a", "increment")
    trace.close()
    assert len(waiting.result()) <= 2
    assert next(trace, None) is None
    # Nobody reads it any more, which the server notices.
    for _ in range(10):
        node.call("a", "increment")
    traced = [ref_of(node).trace(timeout=DEADLINE_S) for _ in range(3)]
    node.call("a", "increment")
    assert [next(each).kind for each in traced] == ["call"] * 3
    node.disconnect()
    assert [next(each, None) for each in traced] == [None] * 3


def test_a_slow_reader_misses_events_and_holds_up_nobody(nodes: Nodes) -> None:
    node = keeper(nodes)
    ref = ref_of(node)
    with ref.trace(timeout=DEADLINE_S) as trace:
        for number in range(2000):
            ref.cast("increment_later" if number % 2 else "x" * 190)
        count = state_of(node)["count"]
        while count < 1000:
            count = state_of(node)["count"]
        first = next(trace)
        assert first.dropped == 0
        node.call("a", "increment")
        seen = 1 + first.dropped
        for event in trace:
            seen += 1 + event.dropped
            if event.kind == "call":
                break
        assert seen == 2001
        assert ref.call("increment", timeout=DEADLINE_S) == 1002


def test_a_process_that_the_server_forked_does_not_hold_a_trace_open(nodes: Nodes) -> None:
    node = nodes.run("""
        name: remote
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    trace = ref_of(node).trace(timeout=DEADLINE_S)
    node.call("a", "fork", "plain")
    node.kill("a", signal.SIGKILL)
    assert [event.kind for event in trace][:1] == ["call"]
