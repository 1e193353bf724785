"""The two ends of the pipe between a supervisor and a child.

What goes down is pickled: a child obeys its supervisor in any case. What comes up is typed
MessagePack (`otpy.wire.records`): a child may run as another user, or be taken over by what it
serves, and must not have its supervisor run anything.
"""

import pickle
from functools import partial
from typing import Final

from otpy.runtime.record_fields import dumps
from otpy.system.descriptor import Descriptor
from otpy.system.message_socket import MessageSocket
from otpy.system.sockets import Socket
from otpy.wire.control import Become, FromGateway, FromSupervisor, FromWorker, Ready, StandBy
from otpy.wire.frames import FrameDecoder, frame
from otpy.wire.records import RecordCodec

MAX_FRAME: Final = 256 << 20

WORKER: Final = RecordCodec(FromWorker)
SUPERVISOR: Final = RecordCodec(FromSupervisor)
GATEWAY: Final = RecordCodec(FromGateway)

_framed: Final = partial(frame, max_frame=MAX_FRAME)

_READY: Final = {
    ready: _framed(WORKER.encode(ready))
    for ready in (
        Ready(trap_exit, answers_sys)
        for trap_exit in (False, True)
        for answers_sys in (False, True)
    )
}
"""Written before a worker is forked: what writes it is on pages that many a worker can share."""


def end_of_supervisor(end: Descriptor, child: RecordCodec) -> MessageSocket:
    """Return the channel to a child, which sends the records of `child`."""
    return MessageSocket(Socket(end), FrameDecoder(MAX_FRAME).feed, _write_pickle, child.decode)


def end_of_child(end: Descriptor, own: RecordCodec) -> MessageSocket:
    """Return the channel to the supervisor, to which the records of `own` are sent."""

    def write(message: object, count: int) -> bytes:
        if type(message) is Ready and not count:
            return _READY[message]
        return _framed(own.encode(message, count))

    return MessageSocket(Socket(end), FrameDecoder(MAX_FRAME).feed, write, pickle.loads)


STAND_BY: Final = StandBy()
"""Written once, as what is urgent."""

_STAND_BY: Final = _framed(pickle.dumps((0, STAND_BY)))


def _write_pickle(message: object, count: int) -> bytes:
    if message is STAND_BY:
        return _STAND_BY
    if type(message) is Become:  # there is no dataclass in it
        return _framed(pickle.dumps((count, message)))
    return _framed(dumps((count, message)))
