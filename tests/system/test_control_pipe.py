"""The pipe between a supervisor and a child: a duplex pipe of `multiprocessing`, and cheap."""

import os
from multiprocessing.connection import Connection

from otpy.system.spawn import control_pipe


def test_a_connection_of_multiprocessing_can_be_made_of_either_end() -> None:
    ends = control_pipe()
    one: Connection[object, object] = Connection(ends[0].detach())
    other: Connection[object, object] = Connection(ends[1].detach())
    with one, other:
        one.send(["down", 1])
        assert other.recv() == ["down", 1]
        other.send({"up": 2})
        assert one.recv() == {"up": 2}


def test_neither_end_is_inherited_by_a_program() -> None:
    for end in control_pipe():
        assert not os.get_inheritable(end.fileno())
        end.close()
