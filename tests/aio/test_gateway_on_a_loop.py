"""The gateway, the events and forks, where only an event loop has it so."""

import asyncio
import os
from pathlib import Path

import pytest

from otpy.aio import Node, connect
from otpy.errors import RuntimeDirError
from tests.aio.loops import on_a_loop
from tests.client.fake_node import FakeNode, other_program_at, removed


@on_a_loop
async def test_a_cancelled_wait_loses_no_event(fake: FakeNode, node: Node) -> None:
    events = node.events(follow=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(events)
    fake.publish(removed("a", 1.0))
    assert (await anext(events)).path == "a"
    await events.aclose()


def open_in_a_child(fds: list[int]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(sum(Path(f"/proc/self/fd/{fd}").exists() for fd in fds))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@on_a_loop
async def test_a_forked_child_holds_nothing_open_and_disturbs_nothing(
    fake: FakeNode, node: Node
) -> None:
    fake.add("counter")
    counter = node["counter"]
    await counter.call("increment", 1)
    link, gateway = counter._link, node._gateway._connection
    assert link is not None
    assert gateway is not None
    fds = [link._reader, link._writer, link._pidfd, gateway._reader]
    assert open_in_a_child(fds) == 0
    assert await counter.call("increment", 1) == 2
    assert (await node.tree()).path == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have another user listen")
@on_a_loop
async def test_nothing_is_told_to_another_user(fake: FakeNode, node: Node) -> None:
    """5.2."""
    fake.kill_gateway()
    words = "user 65534 listens there, expected user 0 or root; nothing was sent"
    with other_program_at(fake.dir.control_sock) as other_program:
        for attempt in (node.tree, lambda: connect(fake.name), lambda: anext(node.events())):
            with pytest.raises(RuntimeDirError, match=words):
                await attempt()
            assert other_program.stdout is not None
            assert other_program.stdout.readline() == "is told b''\n"
