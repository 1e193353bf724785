"""Descriptors over a socket: all of them arrive, or none stays open."""

import errno
import os
import resource
import socket

import pytest

from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.fdpass import MAX_FDS, recv_fds, send_fds


def test_descriptors_arrive_beside_their_data_closed_on_exec() -> None:
    left, right = socket.socketpair()
    reader, writer = pipe()
    with left, right:
        assert send_fds(left, b"plain", []) == 5
        assert send_fds(left, b"one", [reader]) == 3
        assert send_fds(left, b"two", [writer, writer]) == 3
        data, (came,) = recv_fds(right, 100)
        assert data in (b"plainone", b"one")
        data, (again, once_more) = recv_fds(right, 100)
        assert data == b"two"
        os.write(again.fileno(), b"!")
        assert os.read(came.fileno(), 1) == b"!"
        assert not os.get_inheritable(came.fileno())
        left.close()
        assert recv_fds(right, 100) == (b"", ())
    close_all([reader, writer, came, again, once_more])


def test_descriptors_need_data_to_go_beside_and_are_not_too_many() -> None:
    left, right = socket.socketpair()
    with left, right, Descriptor(os.dup(0)) as one:
        for data, fds in ((b"", [one]), (b"x", [one] * (MAX_FDS + 1))):
            with pytest.raises(ValueError, match="send_fds needs data"):
                send_fds(left, data, fds)
        send_fds(left, b"x", [one] * MAX_FDS)
        close_all(recv_fds(right, 1)[1])


def test_what_there_is_no_room_for_is_an_error_and_nothing_stays_open() -> None:
    left, right = socket.socketpair()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with left, right, Descriptor(os.dup(0)) as one:
        send_fds(left, b"x", [one] * 3)
        first_free = os.dup(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (first_free + 1, hard))
        os.close(first_free)  # room for one of three
        try:
            with pytest.raises(OSError, match="descriptors were lost") as caught:
                recv_fds(right, 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE
