"""A thread that is interrupted while it sends: nothing runs twice."""

import os
import signal

import pytest

from otpy import Node
from otpy.errors import ProcessDown
from tests.client.fake_node import FakeNode
from tests.client.in_threads import wait_for_kept


@pytest.mark.parametrize("size", [4000, 5000])
def test_an_interrupted_send_makes_nobody_send_again_what_was_read(
    fake: FakeNode, node: Node, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    worker = fake.add("counter")
    counter = node["counter"]
    read = counter.send_request("keep")
    wait_for_kept(counter, 1)
    worker.kill(signal.SIGSTOP)

    def interrupted(fd: int, data: bytes) -> int:
        write(fd, data)
        raise KeyboardInterrupt

    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            counter.call("x" * size)
    worker.kill()
    with pytest.raises(ProcessDown):
        read.result()
