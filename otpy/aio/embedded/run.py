"""Run a tree from a program on an event loop, for as long as a block lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from otpy.aio.client.node import Node, open_node
from otpy.aio.links.deadline import until_readable, within

if TYPE_CHECKING:
    from otpy.embedded.node_process import NodeProcess, Output, Tree


@asynccontextmanager
async def run(
    tree: "Tree",
    *,
    name: str | None = None,
    stdout: "Output" = None,
    stderr: "Output" = None,
    timeout: float | None = None,
) -> AsyncIterator[Node]:
    """Run a tree, and stop it in order at the end of the block: ``async with otpy.aio.run(tree)``.

    Args, what is yielded and what is raised are those of `otpy.run`. A task that is cancelled while
    it waits for the tree to stop kills what is left of it.
    """
    # Not with the module: few programs that use this package run a tree.
    from otpy.embedded.node_process import NodeProcess, load_tree  # noqa: PLC0415

    config, is_own = await asyncio.to_thread(load_tree, tree, name)
    process = NodeProcess(config, is_own=is_own, stdout=stdout, stderr=stderr)
    try:
        try:
            await await_up(process, timeout)
            async with await open_node(process.name, timeout=timeout) as node:
                yield node
        finally:
            await stop(process)
        process.raise_failure()
    finally:
        process.close()


async def await_up(process: "NodeProcess", timeout: float | None) -> None:
    """Wait until the tree of a node is up.

    Raises:
        CallTimeout: It was not in time.
        OtpyError: It failed to start; see `NodeProcess.take_report`.
    """
    async with within(timeout, f"node {process.name!r} was not up") as deadline:
        waiting = [
            asyncio.create_task(until_readable(each, deadline))
            for each in (process.report, process.pidfd)
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
    process.take_report()


async def stop(process: "NodeProcess") -> None:
    """Stop a node in order, and wait until nothing of it is left; a cancellation kills it.

    In a fork of the program nothing is done: the node is the program's.
    """
    if process.is_of_parent:
        return
    process.stop()
    try:
        await until_readable(process.pidfd, None)
    except BaseException:
        process.stop_now()
        await until_readable(process.pidfd, None)
        raise
    finally:
        process.reap()
        await asyncio.to_thread(process.clear_up)  # it may wait for supervisors
