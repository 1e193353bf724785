# Generated from tests/aio/test_death.py by scripts/generate_blocking.py; do not edit.

"""Callers and dead workers: nobody hangs, nothing runs twice."""

import os
import signal

import pytest

from otpy import Node
from otpy.errors import CallTimeout, NoProcess, ProcessDown, ProtocolError
from tests.client.fake_node import FakeNode, await_hang_up, wait_dead
from tests.client.in_threads import Background, PipeProbe, wait_for_kept


def test_kill_then_call_answers_from_the_new_incarnation(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    for incarnation in (2, 3, 4):
        counter.call("increment", 5)
        os.kill(counter.pid, signal.SIGKILL)
        assert counter.call("get") == 0
        assert counter.incarnation == incarnation


def test_a_process_that_was_killed_is_not_reported_as_present(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    pid = node["counter"].pid
    pidfd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    wait_dead(pidfd)
    os.close(pidfd)
    assert node["counter"].pid != pid


@pytest.mark.parametrize(
    ("request_", "reason", "traceback"),
    [
        ("die", "killed", ""),
        ("segfault", "signal: SIGSEGV", ""),
        ("crash", "error: ValueError: no", "Traceback: no"),
        ("hang up", "noconnection", ""),
    ],
)
def test_a_worker_that_dies_of_a_request(
    fake: FakeNode, node: Node, request_: str, reason: str, traceback: str
) -> None:
    fake.add("counter")
    with pytest.raises(ProcessDown) as caught:
        node["counter"].call(request_)
    assert (caught.value.reason, caught.value.traceback) == (reason, traceback)
    assert node["counter"].call("get") == 0


def test_an_answer_before_death_counts(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for _ in range(5):
        assert node["counter"].call("answer and die") == "last words"


def test_a_process_that_holds_the_pipes_open_does_not_hide_a_death(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    counter.call("fork", 30)
    with pytest.raises(ProcessDown, match="killed"):
        counter.call("die", timeout=None)
    counter.call("fork", 30)
    os.kill(counter.pid, signal.SIGKILL)
    counter.cast("increment", 1)  # not into the pipe that nobody will read
    assert counter.call("get", timeout=None) in (0, 1)


def test_casts_go_to_the_next_incarnation_though_somebody_holds_the_old_pipes_open(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    counter.call("fork", 30)
    for _ in range(10):
        counter.cast("increment", 1)
    worker.kill()
    worker.wait(lambda: (worker.state, worker.incarnation) == ("running", 2))
    counter.cast("increment", 5)
    counter.cast_many([("increment", 5)] * 2)
    assert counter.call("get") == 15


@pytest.mark.parametrize("size", [1, 300_000])
def test_a_request_that_was_not_read_goes_to_the_next_incarnation(
    fake: FakeNode, node: Node, size: int
) -> None:
    # With 300,000 bytes it is half written, since a pipe holds 65,536.
    worker = fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    worker.kill(signal.SIGSTOP)
    with PipeProbe(counter._link) as pipe:
        call = Background(lambda: counter.call("echo", "x" * size))
        pipe.wait_for_bytes()
        worker.kill()
        assert call.result() == "x" * size
    assert counter.incarnation == 2


def test_a_request_that_was_read_is_never_sent_again(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    calls = [Background(lambda: counter.call("keep")) for _ in range(2)]
    wait_for_kept(counter, 2)
    with pytest.raises(ProcessDown):
        counter.call("die")
    for call in calls:
        outcome = call.result()
        assert isinstance(outcome, ProcessDown)
        assert outcome.reason == "killed"
    assert counter.call("kept") == 0
    assert fake.times_asked("exit_info") == 1


def test_a_gateway_that_does_not_know_the_exit_info_is_not_waited_for(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    node["counter"].call("get")
    exit_info = fake.hold("exit_info")
    with pytest.raises(ProcessDown, match="killed"):
        node["counter"].call("segfault")
    assert exit_info.arrived.is_set()
    exit_info.may_go.set()


@pytest.mark.parametrize(
    ("manners", "incarnation"),
    [
        (["die before hello", "die before hello", "well"], 3),
        (["hang up once"], 1),
        (["other incarnation once"], 1),
    ],
)
def test_a_link_without_its_hello_does_not_count(
    fake: FakeNode, node: Node, manners: list[str], incarnation: int
) -> None:
    worker = fake.add("counter", *manners)
    assert node["counter"].call("increment", 1, timeout=None) == 1
    assert worker.incarnation == incarnation


def test_a_worker_that_is_never_the_one_named_is_an_error(fake: FakeNode, node: Node) -> None:
    fake.add("counter", "other incarnation")
    with pytest.raises(ProtocolError, match=r"says hello as incarnation 101, .* incarnation 1"):
        node["counter"].call("get")


def test_a_worker_that_talks_nonsense_is_an_error(fake: FakeNode, node: Node) -> None:
    fake.add("counter", "talk nonsense")
    with pytest.raises(ProtocolError, match="not a message of a worker"):
        node["counter"].call("get")


@pytest.mark.parametrize(
    ("manners", "incarnation"),
    [(["die before hello", "die before hello", "well"], 3), (["hang up once"], 1)],
)
def test_a_request_that_did_not_wait_for_an_announced_hello_goes_to_the_next_link(
    fake: FakeNode, node: Node, manners: list[str], incarnation: int
) -> None:
    worker = fake.add("counter", *manners)
    worker.announced = True
    assert node["counter"].call("increment", 1, timeout=None) == 1
    pending = node["counter"].send_request("increment", 1)
    assert pending.result(None) == 2
    assert worker.incarnation == incarnation


def test_a_worker_that_lives_and_hangs_up_is_not_asked_again_and_again(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter", "hang up")
    worker.announced = True
    for ask in (node["counter"].call, node["counter"].cast):
        before = worker.connects
        link = node["counter"]._open_link(None)
        await_hang_up(link._reader)
        with pytest.raises(CallTimeout):
            ask("get", timeout=1.0)  # it has to connect meanwhile
        assert worker.connects == before + 1


def test_a_request_does_not_wait_for_an_announced_hello(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    worker.announced = True
    worker.kill(signal.SIGSTOP)
    pending = node["counter"].send_request("increment", 1)
    with PipeProbe(node["counter"]._link) as pipe:
        pipe.wait_for_bytes()
        worker.kill()
        assert pending.result() == 1
    assert node["counter"].incarnation == 2


@pytest.mark.parametrize(
    ("manner", "what"),
    [
        ("other incarnation", "not .* as was announced"),
        ("talk nonsense", "not a message of a worker"),
    ],
)
def test_a_worker_whose_hello_is_not_the_announced_one_is_an_error(
    fake: FakeNode, node: Node, manner: str, what: str
) -> None:
    worker = fake.add("counter", manner)
    worker.announced = True
    with pytest.raises(ProtocolError, match=what):
        node["counter"].call("get")


def test_a_call_waits_for_a_child_that_is_being_restarted(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    worker.may_start.clear()
    worker.kill()
    worker.wait(lambda: worker.state == "restarting")
    with pytest.raises(CallTimeout):
        counter.call("get", timeout=0.05)
    counter.cast("increment", 1)  # dropped: it is down
    call = Background(lambda: counter.call("get", timeout=None))
    worker.may_start.set()
    assert call.result() == 0


def test_a_child_that_is_stopped_for_good(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter", restarted=False)
    counter = node["counter"]
    counter.call("get")
    worker.kill()
    with pytest.raises(NoProcess):
        counter.call("get")
    counter.cast("get")
    with pytest.raises(NoProcess):
        _ = counter.pid


def test_a_busy_worker_can_be_named_and_cast_to(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    worker.kill(signal.SIGSTOP)
    assert node["counter"].pid == worker.pid
    node["counter"].cast("increment", 2)  # does not wait for the hello
    with pytest.raises(CallTimeout):
        node["counter"].call("get", timeout=0.05)
    worker.kill(signal.SIGCONT)
    assert node["counter"].call("get") == 2
    assert worker.connects == 1  # the link that had no hello yet was kept
