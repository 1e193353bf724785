"""Many threads on one link."""

import signal
import threading
from typing import Any

import pytest

from otpy import Node, Ref
from otpy.errors import CallTimeout, OtpyError, ProcessDown
from otpy.links.link import Link
from tests.client.fake_node import WAIT_S, FakeNode
from tests.client.in_threads import Background, PipeProbe, wait_for_kept


def test_every_thread_gets_its_own_answer(fake: FakeNode, node: Node) -> None:
    fake.add("counter")

    def ask(thread: int) -> list[Any]:
        return [node["counter"].call("echo", [thread, i], timeout=WAIT_S) for i in range(200)]

    threads = [Background(lambda thread=thread: ask(thread)) for thread in range(20)]  # type: ignore[misc]
    for thread, background in enumerate(threads):
        assert background.result() == [[thread, i] for i in range(200)]
    assert node["counter"].call("links") == 1


def test_the_next_one_reads_when_the_reader_leaves(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    first = Background(lambda: counter.call("keep", timeout=1.0))
    wait_for_kept(counter, 1)
    others = [Background(lambda: counter.call("keep", timeout=WAIT_S)) for _ in range(5)]
    wait_for_kept(counter, 6)
    assert isinstance(first.result(), CallTimeout)
    assert counter.call("release") == "released"
    assert [other.result() for other in others] == ["late"] * 5


def begin_to_read(counter: Ref, link: Link) -> Background:
    """Begin a call whose thread reads, for a moment."""
    while True:
        first = Background(lambda: counter.call("keep", timeout=0.3))
        while first.is_alive():
            if link._read_lock.locked:
                return first


def test_a_sleeper_is_handed_the_baton(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    link = counter._link
    assert link is not None
    first = begin_to_read(counter, link)
    # From here on nobody but these two calls anything: the second has to read in the end.
    second = Background(lambda: counter.call("keep", timeout=1.0))
    third = Background(lambda: counter.call("keep", timeout=1.5))
    assert isinstance(first.result(), CallTimeout)
    assert isinstance(second.result(), CallTimeout)
    assert isinstance(third.result(), CallTimeout)
    assert counter.call("release") == "released"


def test_200_threads_get_an_answer_or_an_error_while_the_worker_is_killed(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    stop = threading.Event()

    def ask() -> int:
        answered = 0
        while not stop.is_set():
            try:
                counter.call("increment", 1, timeout=WAIT_S)
                answered += 1
            except ProcessDown as error:
                assert error.reason == "killed"  # noqa: PT017
        return answered

    threads = [Background(ask) for _ in range(200)]
    for incarnation in range(1, 6):
        worker.wait(lambda incarnation=incarnation: worker.incarnation >= incarnation)  # type: ignore[misc]
        counter.call("get", timeout=WAIT_S)
        worker.kill()
    worker.wait(lambda: worker.incarnation >= 6)
    stop.set()
    answers = [thread.result() for thread in threads]
    assert all(isinstance(answer, int) for answer in answers), answers
    assert sum(answers) > 0
    assert counter.call("get") >= 0


def test_large_requests_and_large_replies_cross(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    value = b"x" * 1_000_000
    ask = [Background(lambda: node["counter"].call("echo", value, timeout=WAIT_S))] * 8
    assert all(background.result() == value for background in ask)


def test_a_worker_that_floods_its_answers_does_not_block_one_who_sends(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    # The worker is stuck in writing 50 MB that nobody waits for, and reads nothing until then.
    assert len(counter.call("flood", 1_000_000, 50)) == 1_000_000
    counter.cast("x" * 1_000_000, timeout=WAIT_S)
    assert counter.call("get", timeout=WAIT_S) == 0


def test_a_full_pipe_blocks_the_sender_for_its_timeout_and_the_stream_stays_whole(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    worker.kill(signal.SIGSTOP)
    sent = 0
    with pytest.raises(CallTimeout, match=r"'counter' took no messages within 0.05 s"):  # noqa: PT012
        while True:
            counter.cast("increment", sent, timeout=0.05)
            sent += 1
    with pytest.raises(CallTimeout):
        counter.call("echo", "x" * 100_000, timeout=0.05)
    worker.kill(signal.SIGCONT)
    # The last cast may have been begun, and is finished by the next sender then.
    total = sum(range(sent))
    assert counter.call("get", timeout=WAIT_S) in (total, total + sent)


def test_a_frame_begun_is_finished_by_the_next_sender(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    worker.kill(signal.SIGSTOP)
    with pytest.raises(CallTimeout):
        counter.call("echo", "x" * 500_000, timeout=0.05)
    call = Background(lambda: counter.call("increment", 1, timeout=WAIT_S))
    worker.kill(signal.SIGCONT)
    assert call.result() == 1


def test_a_sender_at_a_full_pipe_learns_of_the_death(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    counter.call("get")
    worker.kill(signal.SIGSTOP)
    with PipeProbe(counter._link) as pipe:  # it holds the pipe open, so that no EPIPE helps
        casts = [Background(lambda: counter.cast("x" * 200_000, timeout=None)) for _ in range(5)]
        pipe.wait_for_bytes()
        worker.kill()
        assert [cast.result() for cast in casts] == [None] * 5
    assert counter.call("get") == 0


def test_closing_lets_calls_under_way_finish(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    call = Background(lambda: counter.call("keep", timeout=WAIT_S))
    wait_for_kept(counter, 1)
    link = counter._link
    assert link is not None
    call_2 = Background(lambda: link.call("release", None, None))
    node.close()
    outcome = call.result()
    assert outcome == "late" or isinstance(outcome, OtpyError)
    call_2.result()
