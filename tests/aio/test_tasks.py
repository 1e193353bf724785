"""Many tasks on one link: as tests/client/test_threads and test_pending."""

import asyncio
import signal

import pytest

from otpy.aio import Node
from otpy.errors import CallTimeout
from tests.aio.loops import PipeProbe, on_a_loop, wait_for_kept
from tests.client.fake_node import WAIT_S, FakeNode


@on_a_loop
async def test_every_task_gets_its_own_answer(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    calls = [counter.call("echo", n, timeout=WAIT_S) for n in range(3000)]
    assert await asyncio.gather(*calls) == list(range(3000))
    assert await counter.call("links") == 1


@on_a_loop
async def test_large_requests_and_large_replies_cross(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    value = b"x" * 1_000_000
    calls = [node["counter"].call("echo", value, timeout=WAIT_S) for _ in range(8)]
    assert all(reply == value for reply in await asyncio.gather(*calls))


@on_a_loop
async def test_a_worker_that_floods_its_answers_does_not_block_one_who_sends(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    assert len(await node["counter"].call("flood", 1_000_000, 50)) == 1_000_000
    await node["counter"].cast("x" * 1_000_000, timeout=WAIT_S)
    assert await node["counter"].call("get", timeout=WAIT_S) == 0


@on_a_loop
async def test_a_full_pipe_blocks_the_sender_for_its_timeout_and_the_stream_stays_whole(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    worker.kill(signal.SIGSTOP)
    sent = 0
    with pytest.raises(CallTimeout, match=r"'counter' took no messages within 0.05 s"):  # noqa: PT012
        while True:
            await counter.cast("increment", sent, timeout=0.05)
            sent += 1
    for size in (10, 100_000):
        with pytest.raises(CallTimeout):
            await counter.call("echo", "x" * size, timeout=0.05)
    worker.kill(signal.SIGCONT)
    # The last cast may have been begun, and is sent to its end then.
    total = sum(range(sent))
    assert await counter.call("get", timeout=WAIT_S) in (total, total + sent)


@on_a_loop
async def test_a_frame_begun_is_finished_though_its_sender_was_cancelled(
    fake: FakeNode, node: Node
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    worker.kill(signal.SIGSTOP)
    with PipeProbe(counter._link) as pipe:
        call = asyncio.create_task(counter.call("echo", "x" * 500_000, timeout=None))
        await asyncio.sleep(0)
        await pipe.wait_for_bytes()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
    after = asyncio.create_task(counter.call("increment", 1, timeout=WAIT_S))
    await asyncio.sleep(0)
    worker.kill(signal.SIGCONT)
    assert await after == 1


@on_a_loop
async def test_a_sender_at_a_full_pipe_learns_of_the_death(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    worker.kill(signal.SIGSTOP)
    with PipeProbe(counter._link) as pipe:  # it holds the pipe open, so that no EPIPE helps
        casts = [asyncio.create_task(counter.cast("x" * 200_000, timeout=None)) for _ in range(5)]
        await asyncio.sleep(0)
        await pipe.wait_for_bytes()
        worker.kill()
        assert await asyncio.gather(*casts) == [None] * 5
    assert await counter.call("get") == 0


@on_a_loop
async def test_closing_lets_calls_under_way_finish(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    counter = node["counter"]
    call = asyncio.create_task(counter.call("keep", timeout=WAIT_S))
    await wait_for_kept(counter, 1)
    release = asyncio.create_task(counter.call("release", timeout=WAIT_S))
    await asyncio.sleep(0)
    await node.close()
    assert await release == "released"
    assert await call == "late"


@on_a_loop
async def test_closing_lets_a_cast_that_was_begun_be_sent(fake: FakeNode, node: Node) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    await counter.call("get")
    worker.kill(signal.SIGSTOP)
    with PipeProbe(counter._link) as pipe:
        cast = asyncio.create_task(counter.cast(b"x" * 300_000, timeout=WAIT_S))
        await asyncio.sleep(0)
        await pipe.wait_for_bytes()
        await node.close()
    worker.kill(signal.SIGCONT)
    await cast
