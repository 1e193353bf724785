"""The tasks of `test_tasks`, by `otpy.aio.tasks`: of an async worker, and of an async client."""

import asyncio
import os
import signal
from typing import Any

import pytest

import otpy.aio
from otpy import CallTimeout, NoProcess, NotSendable, OtpyError, ProcessDown, Refused
from otpy.aio import tasks
from tests.server import test_tasks
from tests.server.test_tasks import (  # noqa: F401  # collected here a second time
    gone,
    none_is_left,
    running,
    test_a_fork_holds_nothing_of_its_parents_tasks,
    test_a_function_runs_in_a_process_of_its_own,
    test_a_killed_task_is_an_error_and_never_a_hang,
    test_a_large_result_waits_for_its_owner,
    test_a_result_that_pickle_cannot_carry,
    test_a_stream_keeps_the_order,
    test_a_stream_stops_at_max_children,
    test_a_stream_without_order_gives_what_is_there,
    test_a_task_is_shut_down,
    test_a_task_of_a_stream_that_takes_too_long_is_ended,
    test_a_task_that_nobody_awaits,
    test_an_error_ends_the_stream_or_stands_in_its_place,
    test_bad_input_is_one_clear_error,
    test_begun_tasks_run_while_the_owner_goes_on,
    test_but_not_those_without_a_link,
    test_nothing_is_left_of_many,
    test_only_the_owner_awaits,
    test_the_owners_end_ends_its_stream,
    test_the_owners_end_ends_its_tasks,
    test_the_traceback_is_the_functions,
    test_what_goes_wrong_is_an_error_to_the_owner,
    test_who_kills_the_supervisor_kills_its_tasks,
    test_who_takes_one_result_ends_the_rest_and_takes_no_more_items,
    test_without_a_supervisor_of_tasks_and_with_a_full_one,
)
from tests.support import task_workers
from tests.support.node import Nodes
from tests.support.processes import await_end

CLIENTS_TREE = test_tasks.TREE


@pytest.fixture(autouse=True)
def asynchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = CLIENTS_TREE.replace("task_owners:Owner", "async_task_owners:Owner")
    monkeypatch.setattr(test_tasks, "TREE", tree)


def test_a_client_begins_tasks_by_the_names_of_functions(nodes: Nodes) -> None:
    node = nodes.run(CLIENTS_TREE)

    async def test() -> None:
        async with otpy.aio.connect("tasks") as client:
            task = await tasks.async_("tests.support.task_workers:add", 2, 3, node=client)
            assert task.name.startswith(f"tasks/client-{os.getpid()}-")
            assert await tasks.await_(task, timeout=60) == 5
            assert await task == 5
            gone(node, task.name)
            assert await (await tasks.async_(task_workers.add, 5, node=client)) == 5
            log = str(nodes.work / "log")
            path = await tasks.start(task_workers.noted, log, "hi", node=client)
            node.logged("runs", "hi")
            gone(node, path)
            results = [
                str(result)
                async for result in tasks.stream(
                    task_workers.one_is_killed, range(3), node=client, on_error="yield"
                )
            ]
            assert results == ["0", "killed", "2"]

    asyncio.run(test())
    none_is_left(node)


def test_what_goes_wrong_is_an_error_to_the_client(nodes: Nodes) -> None:
    node = nodes.run(CLIENTS_TREE)

    async def raised(function: Any, *args: Any, **options: Any) -> OtpyError:
        with pytest.raises(OtpyError) as caught:
            await (await tasks.async_(function, *args, **options))
        return caught.value

    async def test() -> None:
        async with otpy.aio.connect("tasks") as client:
            error = await raised(task_workers.divide, 0, node=client)
            assert isinstance(error, ProcessDown)
            assert "in divide" in error.traceback
            assert isinstance(await raised(lambda: 5, node=client), NotSendable)
            assert isinstance(await raised(task_workers.add, object(), node=client), NotSendable)
            error = await raised(task_workers.add, 1, node=client, supervisor="owner")
            assert isinstance(error, NoProcess)
            assert "not a worker" in str(await raised(task_workers.add, 1))
            task = await tasks.async_(task_workers.hang, str(nodes.work / "log"), node=client)
            with pytest.raises(CallTimeout, match=r"did not end within 0.01 s"):
                await task.result(0.01)
            assert not task.done()
            for function, args in ((task_workers.divide, [0]), (task_workers.refuse, [])):
                fails = await tasks.async_(function, *args, node=client)
                for _ in range(2):  # 4.16: while the other one goes on
                    with pytest.raises((ProcessDown, Refused)):
                        await tasks.await_many([task, fails], timeout=60)
            with pytest.raises(CallTimeout, match=r"did not end within 0.01 s"):
                await tasks.await_many([task], timeout=0.01)
            added = [await tasks.async_(task_workers.add, n, node=client) for n in range(3)]
            assert await tasks.await_many([*added, added[0]], timeout=60) == [0, 1, 2, 0]
            assert await tasks.shutdown(task) is None
            killed = await tasks.async_(task_workers.hang, str(nodes.work / "log"), node=client)
            os.kill(killed.pid, signal.SIGKILL)
            with pytest.raises(ProcessDown, match="killed"):
                await killed

    asyncio.run(test())
    none_is_left(node)


def test_the_clients_end_ends_its_tasks(nodes: Nodes) -> None:
    node = nodes.run(CLIENTS_TREE)
    log = str(nodes.work / "log")
    pid = os.fork()
    if pid == 0:

        async def begin() -> None:
            async with otpy.aio.connect("tasks") as client:
                for begin, name in ((tasks.async_, "linked"), (tasks.async_nolink, "not linked")):
                    await begin(task_workers.hang, log, name, node=client)
                signal.pause()

        try:
            asyncio.run(begin())
        finally:
            os._exit(0)
    node.until(lambda: len(node.log()) == 2, "two that hang")
    pids = {name: pid for _, name, pid in node.log()}
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert await_end(pids["linked"])
    node.until(lambda: len(running(node)) == 1, "the other alone")


def test_who_is_cancelled_while_a_task_begins_leaves_none_behind(nodes: Nodes) -> None:
    node = nodes.run(CLIENTS_TREE)

    async def begin_and_cancel(client: otpy.aio.Node) -> None:
        beginning = asyncio.create_task(
            tasks.async_(task_workers.hang, str(nodes.work / "log"), node=client)
        )
        await asyncio.sleep(0)
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning

    async def test() -> None:
        async with otpy.aio.connect("tasks") as client:
            for _ in range(3):
                await begin_and_cancel(client)
            # Those that were under way are there by now, and are ended.
            assert await (await tasks.async_(task_workers.add, 1, node=client)) == 1
            await asyncio.to_thread(none_is_left, node)

    asyncio.run(test())
