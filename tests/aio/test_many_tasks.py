"""Many tasks of one event loop, and a worker that is killed again and again."""

import asyncio

from otpy.aio import Node
from otpy.errors import ProcessDown
from tests.aio.loops import on_a_loop, outcome
from tests.client.fake_node import FakeNode


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
