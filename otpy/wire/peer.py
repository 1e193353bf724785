"""What two workers of a tree say on the link between them: any value, by pickle protocol 5.

The same talk as `otpy.wire.link`, and the same frames; the body is a kind, a number and a
pickle, apart so that a value that cannot be read here is still known to belong to a call. Only
processes of one tree, which run one code base, ever get such a link.

    caller → server   CALL number request        server → caller   GREETING 0 (version, ...)
                      CAST 0 request                               REPLY number value
                      INFO 0 message                               ERROR number (class, arguments)
                      REPLY_FOR 0 (link, number, value)            DOWN 0 (reason, traceback)

REPLY_FOR answers a call that another process made to the server, which handed it on.
"""

import pickle
import struct
from typing import Final

from otpy.errors import NotSendable
from otpy.wire.frames import MAX_FRAME, frame

CALL: Final = 0
CAST: Final = 1
REPLY_FOR: Final = 2
INFO: Final = 7
GREETING: Final = 3
REPLY: Final = 4
ERROR: Final = 5
DOWN: Final = 6

_HEADER: Final = struct.Struct(">BQ")
_TEXT_CHARS: Final = 500


def peer_frame(kind: int, number: int, value: object, max_frame: int = MAX_FRAME) -> bytes:
    """Put a message between two workers into a frame.

    Raises:
        NotSendable: Pickle cannot carry the value.
        FrameTooLarge: It is over `max_frame`.
    """
    try:
        body = pickle.dumps(value, 5)
    except Exception as error:  # noqa: BLE001  # whatever the user's code raised
        name = type(value).__qualname__
        raise NotSendable(f"cannot send a {name}: {error!s:.{_TEXT_CHARS}}") from None
    return frame(_HEADER.pack(kind, number) + body, max_frame)


def peer_header(body: bytes) -> tuple[int, int]:
    """Tell the kind and the number of a message.

    Raises:
        struct.error: It is too short for one.
    """
    return _HEADER.unpack_from(body)


def peer_value(body: bytes) -> object:
    """Tell the value of a message.

    Raises:
        NotSendable: It cannot be read in this process: for instance, it is of a class that is
            not there.
    """
    try:
        return pickle.loads(memoryview(body)[_HEADER.size :])  # noqa: S301  # of our own tree
    except Exception as error:  # noqa: BLE001  # as above
        what = f"{type(error).__name__}: {error!s:.{_TEXT_CHARS}}"
        raise NotSendable(f"the receiver cannot read it: {what}") from None
