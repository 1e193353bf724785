"""MessagePack for everything that a client sends or reads: never pickle."""

from typing import Final

import msgspec

from otpy.errors import FrameTooLarge, NotSendable, ProtocolError
from otpy.wire.frames import HEADER, MAX_FRAME, Body

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode
_header: Final = HEADER.pack

_SMALL: Final = 128
_HEADERS: Final = tuple(map(_header, range(_SMALL)))
"""The headers of small frames: to look one up takes a fraction of what it takes to make it."""

_UNSENDABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)


def pack(value: object) -> bytes:
    """Encode `value`.

    Raises:
        NotSendable: It holds something that MessagePack cannot carry.
    """
    try:
        return _encode(value)
    except _UNSENDABLE as error:
        raise _not_sendable(value, error) from None


def pack_frame(message: tuple[object, ...], max_frame: int = MAX_FRAME) -> bytes:
    """Encode `message`, whose last part is a value of the user's, as a frame.

    Raises:
        NotSendable: The value holds something that MessagePack cannot carry.
        FrameTooLarge: The message has more than `max_frame` bytes.
    """
    # Each call and each answer comes this way: so nothing is called that need not be.
    try:
        body = _encode(message)
    except _UNSENDABLE as error:
        raise _not_sendable(message[-1], error) from None
    size = len(body)
    if size > max_frame:
        raise FrameTooLarge(size, max_frame)
    return (_HEADERS[size] if size < _SMALL else _header(size)) + body


def _not_sendable(value: object, error: Exception) -> NotSendable:
    return NotSendable(f"cannot send a {type(value).__qualname__}: {error}")


def printable(value: object, limit: int) -> str:
    """Make a text that can be sent and kept: Unicode, and not much over `limit` characters.

    Python's strings may hold halves of characters, which no encoding carries: undecodable bytes
    of file names are such, and exceptions name files. And an object's text is user code.
    """
    try:
        text = str(value)
    except BaseException:  # noqa: BLE001  # whatever is wrong with it, there is no text
        text = "its text cannot be told"
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]} ... {len(text) - 2 * half} characters ... {text[-half:]}"
    return text.encode(errors="backslashreplace").decode()


def unpack(body: Body) -> object:
    """Decode `body`.

    Raises:
        ProtocolError: It is not MessagePack.
    """
    try:
        return _decode(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not MessagePack: {error}") from None
