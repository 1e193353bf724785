"""The protocol of a link between two workers of a tree: any value, by pickle protocol 5.

The same talk as `otpy.wire.link`, and the same frames; the body is a kind, a number and a
pickle, apart so that a value that cannot be read here is still known to belong to a call. Only
processes of one tree, which run one code base, ever get such a link.

    caller → server   CALL number request        server → caller   HELLO 0 (version, ...)
                      CAST 0 request                               REPLY number value
                      INFO 0 message                               ERROR number (class, arguments)
                      REPLY_FOR 0 (link, REPLY and so on)          DOWN 0 (reason, traceback)
                      CALL_ONCE number (request, session, number in that session)

REPLY_FOR answers a call that another process made to the server, which handed it on. Either end
may offer memory for large bodies (SHM_OFFER), and then say where each of them lies (SHM_BODY);
ROOM tells an end that waits for room (see `otpy.wire.shm_ring`).

    either → the other   SHM_OFFER 0 (pid, fd, device, inode)   SHM_BODY 0 (start, size)
                         ROOM 0 None
"""

import pickle
import struct
from array import array
from collections.abc import Iterator
from operator import or_
from typing import Any, Final, NamedTuple

from otpy.errors import FrameTooLarge, NotSendable
from otpy.wire.codec import printable, unreadable
from otpy.wire.frames import HEADER, MAX_FRAME, Content, Frame, LargeFrame, join
from otpy.wire.signal_errors import comes_from_a_signal

CALL: Final = 0
CAST: Final = 1
REPLY_FOR: Final = 2
INFO: Final = 7
HELLO: Final = 3
REPLY: Final = 4
ERROR: Final = 5
DOWN: Final = 6
SHM_OFFER: Final = 8
SHM_BODY: Final = 9
ROOM: Final = 10
CALL_ONCE: Final = 11

_HEADER: Final = struct.Struct(">BQ")
_HEAD: Final = _HEADER.size
_FRAME: Final = struct.Struct(">IBQ")
"""The length of a frame, and the header."""

_frame: Final = _FRAME.pack
_unpack: Final = _HEADER.unpack_from
_dumps: Final = pickle.dumps
_loads: Final = pickle.loads  # what it reads comes from our own tree
_COUNT: Final = struct.Struct(">I")
_WITH_BUFFERS: Final = 0x80
"""Flag of a kind: before the pickle stand a count and the sizes of it and of what follows it."""

_COPIED: Final = 1 << 63
"""Flag of the size of what follows a pickle: its reader copies it in any case."""

_LARGE: Final = 1 << 16
_SMALL: Final = frozenset({str, int, float, bool, type(None), list, dict})
"""The types that stay within the pickle, whatever their size."""

_TEXT_CHARS: Final = 500


def peer_frame(kind: int, number: int, value: object, max_frame: int = MAX_FRAME) -> Frame:
    """Put a message between two workers into a frame.

    Raises:
        NotSendable: Pickle cannot carry the value.
        FrameTooLarge: It is over `max_frame`.
    """
    try:
        if type(value) not in _SMALL and _is_large(value):
            return LargeFrame(_pieces(kind, number, value), max_frame)
        body = _dumps(value, 5)
    except FrameTooLarge:
        raise
    except Exception as error:  # noqa: BLE001  # whatever the user's code raised
        name = type(value).__qualname__
        raise NotSendable(f"cannot send a {name}: {printable(error, _TEXT_CHARS)}") from None
    size = _HEAD + len(body)
    if size > _LARGE:  # and no limit is below that
        return LargeFrame([_HEADER.pack(kind, number), body], max_frame)
    return _frame(size, kind, number) + body


def _is_large(value: object) -> bool:
    """Return whether there is something large in a value: itself, or an argument of a request."""
    for part in value if type(value) is tuple else (value,):
        if type(part) in _SMALL:
            continue  # as nearly always
        if _size(part) > _LARGE:
            return True
    return False


def _size(value: object) -> int:
    if type(value) is bytes:
        return len(value)
    match value:
        case bytes() | bytearray():
            return len(value)
        case array():
            return len(value) * value.itemsize
        case _:
            # What only the instance tells, or is no number, is something else by that name.
            size = getattr(value, "nbytes", 0) if hasattr(type(value), "nbytes") else 0
            return size if isinstance(size, int) else 0


class _Pieces(list[bytes | memoryview]):
    """The pieces that pickle writes; large bytes are the objects themselves, no copies."""

    def write(self, piece: bytes | bytearray) -> None:
        """Append a piece; a mutable one keeps its size until it was sent."""
        self.append(memoryview(piece) if isinstance(piece, bytearray) else piece)


class _Pickler(pickle.Pickler):
    """Keeps arrays out of the pickle, as numpy's keep themselves (PEP 574).

    Attributes:
        copied: The contents of those, which are copied where they are read.
    """

    copied: tuple[pickle.PickleBuffer, ...] = ()

    def reducer_override(self, value: object) -> Any:
        """Return how to make an array again; of anything else pickle knows better."""
        if type(value) is array:
            content = pickle.PickleBuffer(value)
            self.copied = (*self.copied, content)
            return _array, (value.typecode, content)
        return NotImplemented


def _array(typecode: str, content: memoryview) -> "array[Any]":
    made = array(typecode)
    made.frombytes(content)
    return made


def _pieces(kind: int, number: int, value: object) -> list[bytes | memoryview]:
    pickled = _Pieces()
    buffers: list[pickle.PickleBuffer] = []
    pickler = _Pickler(pickled, 5, buffer_callback=buffers.append)
    pickler.dump(value)
    if not buffers:
        return [_HEADER.pack(kind, number), *pickled]
    raw = [buffer.raw() for buffer in buffers]
    copied = set(map(id, pickler.copied))
    flags = [_COPIED if id(buffer) in copied else 0 for buffer in buffers]
    sizes = [sum(map(len, pickled)), *map(or_, flags, map(len, raw))]
    head = _HEADER.pack(kind | _WITH_BUFFERS, number) + _COUNT.pack(len(sizes))
    return [head + struct.pack(f">{len(sizes)}Q", *sizes), *pickled, *raw]


def reply_for(link: int, number: int, value: object) -> Frame:
    """Put the answer to a call that came on another link into a frame; raises as `peer_frame`.

    The answer is a message within it, so that one that cannot be read still answers that call.
    """
    return peer_frame(REPLY_FOR, 0, (link, join(peer_frame(REPLY, number, value))[HEADER.size :]))


class Unreadable(NamedTuple):
    """Stands for a value that cannot be read here, for instance since its class is not there."""

    error: NotSendable


def peer_message(body: Content) -> tuple[int, int, Any]:
    """Return the kind, the number and the value of a message, which may be `Unreadable`.

    Raises:
        struct.error: It is too short for a message.
    """
    kind, number = _unpack(body)
    try:
        if kind < _WITH_BUFFERS:
            if len(body) < _LARGE:  # it is copied sooner than a view of it is made
                return kind, number, _loads(body[_HEAD:])
            return kind, number, _loads(memoryview(body)[_HEAD:])
        kind &= ~_WITH_BUFFERS
        borrowed = type(body) is memoryview
        pickled, *buffers = _parts(memoryview(body)[_HEAD:], borrowed=borrowed)
        return kind, number, _loads(pickled, buffers=buffers)
    except BaseException as error:  # whatever the user's code raised
        if not isinstance(error, Exception) and comes_from_a_signal(error):
            raise
        return kind, number, Unreadable(NotSendable(unreadable(error)))


def _parts(body: memoryview, *, borrowed: bool) -> Iterator[memoryview | bytearray]:
    (count,) = _COUNT.unpack_from(body)
    sizes = struct.unpack_from(f">{count}Q", body, _COUNT.size)
    start = _COUNT.size + struct.calcsize(f">{count}Q")
    for number, flagged in enumerate(sizes):
        size = flagged & ~_COPIED
        part = body[start : start + size]
        # What is made of it may keep it for ever, and write to it.
        yield bytearray(part) if borrowed and number and size == flagged else part
        start += size
