"""10.7: what a supervisor reads of its children's output, and hands to the logger."""

import os
import socket
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from otpy.runtime.node_log import NodeLog, Source
from otpy.runtime.supervisor.output import ChildOutput, Sinks
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.wire.log_message import LogMessage, Target


def test_what_the_log_had_no_room_for_is_sent_once_at_the_end() -> None:
    """The log asks the output to go on while that hands over what is left."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    loop = Loop()
    log = NodeLog(loop, writer.fileno(), Source("", 1))
    stdout, stderr = os.pipe(), os.pipe()
    sinks = Sinks(loop, cast("Any", SimpleNamespace(write=lambda _text: None)), log)
    ends = [Descriptor(stdout[0]), Descriptor(stderr[0])]
    output = ChildOutput(ends, Source("a", 1), Target(), sinks)
    filled = 0
    while log.send(b"x"):
        filled += 1
    os.write(stdout[1], b"one\n")
    loop.call_soon(lambda: loop.call_soon(loop.stop))
    loop.run()
    os.write(stdout[1], b"two\n")
    os.write(stderr[1], b"three\n")
    for _ in range(filled):
        reader.recv(1)
    assert output.finish() == "one\ntwo\nthree\n"
    reader.setblocking(False)
    decode = msgspec.msgpack.Decoder(LogMessage).decode
    assert [decode(reader.recv(4096)).lines for _ in range(3)] == [b"one\n", b"two\n", b"three\n"]
    log.close()
    loop.close()
    for end in (reader, writer):
        end.close()
    for fd in (stdout[1], stderr[1]):
        os.close(fd)


def test_a_child_that_floods_leaves_time_for_others() -> None:
    """11.5: it is read a piece at a time, and between two of them the supervisor does the rest."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    loop = Loop()
    log = NodeLog(loop, writer.fileno(), Source("", 1))
    stdout, stderr = os.pipe(), os.pipe()
    shown: list[int] = []
    stdout_stub = SimpleNamespace(write=lambda lines: shown.append(lines.count(b"\n")))
    ends = [Descriptor(stdout[0]), Descriptor(stderr[0])]
    sinks = Sinks(loop, cast("Any", stdout_stub), log)
    output = ChildOutput(ends, Source("a", 1), Target(), sinks)
    lines = os.write(stdout[1], b"y\n" * (1 << 15)) // 2
    loop._run_once()
    assert shown == [(1 << 14) // 2]
    assert ends[0].watcher is None, "it is not read for a while"
    assert ends[1].watcher is loop, "the other stream is"
    while sum(shown) < lines:
        loop._run_once()
    assert output.finish() == "y\n" * 20
    log.close()
    loop.close()
    for end in (reader, writer):
        end.close()
    for fd in (stdout[1], stderr[1]):
        os.close(fd)
