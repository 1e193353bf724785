"""A framed socket between two processes of a tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from otpy.runtime.control_channel import WORKER, end_of_child, end_of_supervisor
from otpy.system.descriptor import pipe
from otpy.system.message_socket import SocketClosed
from otpy.system.sockets import socket_pair

_WITHOUT_ROOM = """
import os, resource, socket
from otpy.runtime.control_channel import WORKER, end_of_child, end_of_supervisor
from otpy.system.descriptor import pipe
from otpy.system.fdpass import send_fds
from otpy.system.sockets import socket_pair

if os.getuid() == 0:  # to whom the limit does not apply
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ends = pipe()
try:
    while True:
        send_fds(one, b"x", ends, socket.MSG_DONTWAIT)
except OSError as error:
    print(error.strerror)
one_end, other_end = socket_pair()
ours = end_of_supervisor(one_end, WORKER)
theirs = end_of_child(other_end, WORKER)
ours.send("with descriptors", pipe())
ours.send("without")
theirs.receive(lambda message, fds: print(message, len(fds)))
one.close(), other.close()
ours.send("with descriptors again", pipe())
theirs.receive(lambda message, fds: print(message, len(fds)))
"""


def test_a_message_whose_descriptors_may_not_be_sent_goes_without_them() -> None:
    # Too many of a user's descriptors are on their way when as many are as one process may have
    # (unix(7)): a worker that takes none is enough for that.
    command = [sys.executable, "-c", _WITHOUT_ROOM]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "Too many references: cannot splice",
        "with descriptors 0",
        "without 0",
        "with descriptors again 2",
    ]


def test_a_channel_without_another_end_is_not_silent() -> None:
    """6.3: who forwards a request has to know that it did not go."""
    one_end, other_end = socket_pair()
    ours = end_of_supervisor(one_end, WORKER)
    theirs = end_of_child(other_end, WORKER)
    theirs.close()
    ours.send("as it goes, nobody knows")
    assert not ours.has_room
    read, write = pipe()
    with pytest.raises(SocketClosed):
        ours.send("afterwards", (read, write))
    assert read.closed
    ours.close()
    with pytest.raises(SocketClosed):
        ours.send("closed here")
