"""The calling end of a link between workers on an event loop: as tests/links/test_shm_transport."""

import asyncio
import contextlib
import os
import subprocess
import sys
from typing import Any

import pytest

from otpy.aio.links.link import Link
from otpy.links.peer import PeerProtocol
from otpy.links.waiter import NotDelivered
from otpy.system.descriptor import Descriptor, close_all
from tests.links.test_shm_transport import LARGE, OtherEnd

_SHORT_S = 0.01


async def _fill(link: Link) -> None:
    """Cast until there is room for nothing, however small."""
    for message in ("x" * 4000, "x", "x"):
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(link.cast(message, None), _SHORT_S)


async def _dies_while_its_pipe_is_full(process: subprocess.Popen[bytes], sent: int) -> None:
    other = OtherEnd()
    fds = (*other.ours, Descriptor(os.pidfd_open(process.pid)))
    link = Link(fds, "other", process.pid, 1, node_pid=0, protocol=PeerProtocol())
    received: list[Any] = []
    for _ in range(sent):
        sends = asyncio.create_task(link.cast(LARGE, None))
        while not sends.done():
            received += other.values()
            await asyncio.sleep(0)
    received += other.values()
    assert received == [LARGE] * sent
    await _fill(link)
    waits = asyncio.create_task(link.call(LARGE))
    await asyncio.sleep(0)
    process.kill()
    with pytest.raises(NotDelivered):
        await waits
    close_all(other.theirs)


@pytest.mark.parametrize("sent", [0, 1, 2, 3])
def test_what_the_other_end_has_not_read_when_it_dies_was_not_delivered(sent: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        asyncio.run(_dies_while_its_pipe_is_full(process, sent))
