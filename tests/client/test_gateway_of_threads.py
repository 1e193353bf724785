"""The gateway, where only who blocks has it so."""

import errno
import os
import resource
import socket
from pathlib import Path

import pytest

from otpy import Node, connect
from otpy.errors import RuntimeDirError
from tests.client.fake_node import FakeNode, other_program_at
from tests.client.in_threads import Background


def test_descriptors_for_which_there_is_no_room_are_an_error(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fake.hold("connect")
    call = Background(lambda: node["counter"].call("get"))
    assert fake.held["connect"].arrived.wait(30)
    # The fake makes the link's six descriptors in this process, too: let it, then fill up.
    worker = fake.workers["counter"]
    answer = worker.open_link(None)
    worker.open_link = lambda timeout: answer  # type: ignore[method-assign]
    first_free = socket.socket()
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free.fileno() + 1, hard))
    try:
        fake.held.pop("connect").may_go.set()
        outcome = call.result()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        first_free.close()
    assert isinstance(outcome, OSError)
    assert outcome.errno == errno.EMFILE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have another user listen")
@pytest.mark.parametrize("reconnects", [False, True])
def test_nothing_is_told_to_another_user(otpy_dir: Path, reconnects: bool) -> None:
    """5.2: the directory was one's own when it was looked at; who listens there is not."""
    fake = FakeNode()
    node = connect(fake.name) if reconnects else None
    fake.kill_gateway()
    with other_program_at(fake.dir.control_sock) as other_program:
        words = "user 65534 listens there, expected user 0 or root; nothing was sent"
        with pytest.raises(RuntimeDirError, match=words):
            node.tree() if node is not None else connect(fake.name)
        if node is not None:
            with pytest.raises(RuntimeDirError, match=words):
                node.events(follow=True)
        assert other_program.stdout is not None
        assert other_program.stdout.readline() == "is told b''\n"
    if node is not None:
        node.close()
    fake.close()
