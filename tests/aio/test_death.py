"""Callers and dead workers: as tests/client/test_death."""

import asyncio
import os
import signal
from typing import Any

import pytest

from otpy.aio import Node, Ref
from otpy.errors import CallTimeout, NoProcess, ProcessDown, ProtocolError
from tests.aio.loops import kept, on_a_loop, outcome
from tests.client.fake_node import FakeNode, await_hang_up, wait_dead
from tests.client.in_threads import PipeProbe


def probe(ref: Ref) -> PipeProbe:
    link: Any = ref._link
    return PipeProbe(link)


@on_a_loop
async def test_kill_then_call_answers_from_the_new_incarnation(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    for incarnation in (2, 3, 4):
        await counter.call("increment", 5)
        os.kill(await counter.pid, signal.SIGKILL)
        assert await counter.call("get") == 0
        assert await counter.incarnation == incarnation


@on_a_loop
async def test_a_process_that_was_killed_is_not_reported_as_present(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    pid = await node["counter"].pid
    pidfd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    wait_dead(pidfd)
    os.close(pidfd)
    assert await node["counter"].pid != pid


@on_a_loop
async def test_a_worker_that_dies_of_a_request(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for request, reason, traceback in (
        ("die", "killed", ""),
        ("segfault", "signal: SIGSEGV", ""),
        ("crash", "error: ValueError: no", "Traceback: no"),
        ("hang up", "noconnection", ""),
    ):
        with pytest.raises(ProcessDown) as caught:
            await node["counter"].call(request)
        assert (caught.value.reason, caught.value.traceback) == (reason, traceback)
        assert await node["counter"].call("get") == 0


@on_a_loop
async def test_an_answer_before_death_counts(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    for _ in range(5):
        assert await node["counter"].call("answer and die") == "last words"


@on_a_loop
async def test_a_process_that_holds_the_pipes_open_does_not_hide_a_death(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.call("fork", 30)
    with pytest.raises(ProcessDown, match="killed"):
        await counter.call("die", timeout=None)
    await counter.call("fork", 30)
    os.kill(await counter.pid, signal.SIGKILL)
    await counter.cast("increment", 1)  # not into the pipe that nobody will read
    assert await counter.call("get", timeout=None) in (0, 1)


@on_a_loop
async def test_a_request_that_was_not_read_goes_to_the_next_incarnation(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    for size in (1, 300_000):  # with 300,000 bytes it is half written
        await counter.call("get")
        incarnation = worker.incarnation
        worker.kill(signal.SIGSTOP)
        with probe(counter) as pipe:
            call = asyncio.create_task(counter.call("echo", "x" * size))
            await asyncio.sleep(0)
            pipe.wait_for_bytes()
            worker.kill()
            assert await call == "x" * size
        assert await counter.incarnation == incarnation + 1


@on_a_loop
async def test_a_request_that_was_read_is_never_sent_again(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    calls = [asyncio.create_task(counter.call("keep")) for _ in range(2)]
    await kept(counter, 2)
    with pytest.raises(ProcessDown):
        await counter.call("die")
    for call in calls:
        with pytest.raises(ProcessDown, match="killed"):
            await call
    assert await counter.call("kept") == 0
    assert fake.times_asked("exit_info") == 1


@on_a_loop
async def test_a_gateway_that_does_not_know_the_fate_is_not_waited_for(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    exit_info = fake.hold("exit_info")
    with pytest.raises(ProcessDown, match="killed"):
        await node["counter"].call("segfault")
    assert exit_info.arrived.is_set()
    exit_info.may_go.set()


@on_a_loop
async def test_a_link_without_its_hello_does_not_count(fake: FakeNode, node: Node) -> None:
    for name, manners, incarnation in (
        ("a", ["die before hello", "die before hello", "well"], 3),
        ("b", ["hang up once"], 1),
        ("c", ["stranger once"], 1),
    ):
        worker = fake.add(name, *manners)
        assert await node[name].call("increment", 1, timeout=None) == 1
        assert worker.incarnation == incarnation


@on_a_loop
async def test_a_worker_that_talks_nonsense_is_an_error(fake: FakeNode, node: Node) -> None:
    fake.add("stranger", "stranger")
    with pytest.raises(ProtocolError, match=r"says hello as incarnation 101, .* incarnation 1"):
        await node["stranger"].call("get")
    fake.add("nonsense", "talk nonsense")
    with pytest.raises(ProtocolError, match="not a message of a worker"):
        await node["nonsense"].call("get")


@on_a_loop
async def test_a_worker_that_lives_and_hangs_up_is_not_asked_again_and_again(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter", "hang up")
    worker.announced = True
    for ask in (node["counter"].call, node["counter"].cast):
        before = worker.connects
        await_hang_up((await node["counter"].open_link(None))._reader)
        with pytest.raises(CallTimeout):
            await ask("get", timeout=0.1)
        assert worker.connects == before + 1


@on_a_loop
async def test_a_request_does_not_wait_for_an_announced_hello(fake: FakeNode, node: Node) -> None:
    for name, manners in (("a", ["die before hello", "well"]), ("b", ["hang up once"])):
        fake.add(name, *manners).announced = True
        assert await node[name].call("increment", 1, timeout=None) == 1
    for name, what in (("stranger", "as was announced"), ("talk nonsense", "not a message")):
        fake.add(name, name).announced = True
        with pytest.raises(ProtocolError, match=what):
            await node[name].call("get")


@on_a_loop
async def test_a_call_waits_for_a_child_that_is_being_restarted(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    worker.may_start.clear()
    worker.kill()
    worker.wait(lambda: worker.state == "restarting")
    with pytest.raises(CallTimeout):
        await counter.call("get", timeout=0.05)
    await counter.cast("increment", 1)  # dropped: it is down
    call = asyncio.create_task(counter.call("get", timeout=None))
    await asyncio.sleep(0)
    worker.may_start.set()
    assert await call == 0


@on_a_loop
async def test_a_child_that_is_stopped_for_good(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter", restarted=False)
    counter = node["counter"]
    await counter.call("get")
    worker.kill()
    with pytest.raises(NoProcess):
        await counter.call("get")
    await counter.cast("get")
    with pytest.raises(NoProcess):
        await counter.pid


@on_a_loop
async def test_a_busy_worker_can_be_named_and_cast_to(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    worker.kill(signal.SIGSTOP)
    assert await node["counter"].pid == worker.pid
    await node["counter"].cast("increment", 2)  # does not wait for the hello
    with pytest.raises(CallTimeout):
        await node["counter"].call("get", timeout=0.05)
    worker.kill(signal.SIGCONT)
    assert await node["counter"].call("get") == 2
    assert worker.connects == 1


@on_a_loop
async def test_100_tasks_get_an_answer_or_an_error_while_the_worker_is_killed(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    stop = asyncio.Event()

    async def ask() -> int:
        answered = 0
        while not stop.is_set():
            result = await outcome(counter.call("increment", 1, timeout=None))
            if isinstance(result, ProcessDown):
                assert result.reason == "killed"
            else:
                assert isinstance(result, int), result
                answered += 1
        return answered

    def started(incarnation: int) -> None:
        worker.wait(lambda: worker.incarnation >= incarnation)

    tasks = [asyncio.create_task(ask()) for _ in range(100)]
    for incarnation in range(1, 6):
        await asyncio.to_thread(started, incarnation)
        await counter.call("get", timeout=None)
        worker.kill()
    await asyncio.to_thread(started, 6)
    stop.set()
    assert sum(await asyncio.gather(*tasks)) > 0
