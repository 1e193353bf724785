"""The protocol of a link between a client and a worker: arrays of MessagePack.

A link is a pair of one-way pipes. The worker's first message is a hello. The client waits for it,
unless it was told with the link what that is; then it may be left out. A request that a worker has
not read is in the pipe still when that has died, so that it may go to the next one. The client
sends calls and casts, and the worker answers calls in any order, by their numbers. When the worker
ends in an orderly way or by an exception it says so as its last word; when it is killed, only its
pidfd tells.

    worker → client   [HELLO, version, incarnation, max_frame]
    client → worker   [CALL, number, request]
                      [CAST, request]
                      [CASTS, [request ...]]
                      [INFO, message]
                      [CALL_ONCE, number, request, nil, nil, session, number in that session]
    worker → client   [REPLY, number, value]
                      [ERROR, number, class name in otpy.errors, arguments]
                      [DOWN, reason, traceback]
"""

from typing import Final

VERSION: Final = 1

CALL: Final = 0
CAST: Final = 1
CASTS: Final = 2
INFO: Final = 3
CALL_ONCE: Final = 4

HELLO: Final = 0
REPLY: Final = 1
ERROR: Final = 2
DOWN: Final = 3


def request_value(value: object) -> object:
    """Return a request in the shape it was sent with: it came as a MessagePack array."""
    return tuple(value) if type(value) is list else value
