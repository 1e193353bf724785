"""MessagePack for everything that a client sends or reads: never pickle."""

from itertools import chain
from typing import Any, Final

import msgspec

from otpy.errors import FrameTooLarge, NotSendable, ProtocolError
from otpy.wire.frames import HEADER, MAX_FRAME, Body
from otpy.wire.values import SCALARS, carried, revived

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(ext_hook=revived).decode
_header: Final = HEADER.pack

_SMALL: Final = 128
_HEADERS: Final = tuple(map(_header, range(_SMALL)))
"""The headers of small frames: to look one up takes a fraction of what it takes to make it."""

_TEXT_CHARS: Final = 500
_UNSENDABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)


def pack(value: object) -> bytes:
    """Encode what a process of a node says: records of otpy's own, and plain values.

    Raises:
        NotSendable: It holds something that MessagePack cannot carry.
    """
    try:
        return _encode(value)
    except _UNSENDABLE as error:
        raise _not_sendable(value, error) from None


def pack_value(value: object) -> bytes:
    """Encode a value of the user's, to arrive as what it is.

    Raises:
        NotSendable: It cannot be carried.
    """
    return pack(_carried(value))


def pack_frame(message: tuple[object, ...], max_frame: int = MAX_FRAME) -> bytes:
    """Encode `message`, whose last part is a value of the user's, as a frame.

    Raises:
        NotSendable: The value cannot be carried.
        FrameTooLarge: The message has more than `max_frame` bytes.
    """
    # Each answer comes this way: so nothing is called that need not be.
    if type(message[-1]) not in SCALARS:
        message = (*message[:-1], _carried(message[-1]))
    return _framed(message, max_frame)


def pack_request(message: tuple[object, ...], max_frame: int = MAX_FRAME) -> bytes:
    """Encode `message`, whose last part is a request of the user's, as a frame.

    A request that is a tuple or a list arrives as a tuple; what it holds, as what it is.

    Raises:
        NotSendable: The request cannot be carried.
        FrameTooLarge: The message has more than `max_frame` bytes.
    """
    # Each call and each cast comes this way, and mostly its parts need no look behind their types.
    request = message[-1]
    if type(request) is tuple:
        for part in request:
            if type(part) not in SCALARS:
                message = (*message[:-1], _request(request))
                break
    elif type(request) not in SCALARS:
        message = (*message[:-1], _request(request))
    return _framed(message, max_frame)


def pack_requests(kind: int, requests: list[object], max_frame: int = MAX_FRAME) -> bytes:
    """Encode several requests as a frame of such a kind; raises as `pack_request`."""
    return _framed(
        (kind, requests if _is_plain(requests) else [*map(_request, requests)]), max_frame
    )


def _is_plain(requests: list[Any]) -> bool:
    """Tell whether all have arguments, and those need no look behind their types."""
    if not {*map(type, requests)} <= {tuple, list}:
        return False
    return SCALARS.issuperset(map(type, chain.from_iterable(requests)))


def _request(request: object) -> object:
    if type(request) is not tuple and type(request) is not list:
        return request if type(request) in SCALARS else _carried(request)
    for part in request:
        if type(part) not in SCALARS:
            return [_carried(part, request) for part in request]
    return request


def _carried(value: object, whole: object = None) -> Any:
    try:
        return carried(value)
    except (NotSendable, *_UNSENDABLE) as error:
        raise _not_sendable(value if whole is None else whole, error) from None


def _framed(message: tuple[object, ...], max_frame: int) -> bytes:
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


def unreadable(error: BaseException) -> str:
    """Say of a value that came why it cannot be read here."""
    what = f"{type(error).__name__}: {printable(error, _TEXT_CHARS)}"
    return f"the receiver cannot read it: {what}"


def unpack(body: Body) -> object:
    """Decode `body`.

    Raises:
        ProtocolError: It is not MessagePack, or holds what no process of otpy's has sent.
    """
    try:
        return _decode(body)
    except Exception as error:  # noqa: BLE001  # a mapping with a mapping for a key: TypeError
        raise ProtocolError(f"not MessagePack: {printable(error, _TEXT_CHARS)}") from None
