"""MessagePack for everything that a client sends or reads: never pickle."""

import gc
from typing import Any, Final

import msgspec

from otpy.errors import FrameTooLarge, NotSendable, ProtocolError
from otpy.wire.frames import HEADER, MAX_FRAME, Body
from otpy.wire.values import SCALARS, extended, is_plain, revived

encode: Final = msgspec.msgpack.Encoder().encode
"""Encodes what MessagePack carries as it is; what it does not, see `UNSENDABLE`."""

_decode: Final = msgspec.msgpack.Decoder(ext_hook=revived).decode
_header: Final = HEADER.pack

SMALL: Final = 128
HEADERS: Final = tuple(map(_header, range(SMALL)))
"""The headers of small frames: to look one up takes a fraction of what it takes to make it."""

_TEXT_CHARS: Final = 500
UNSENDABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)

_SEQUENCES: Final = frozenset({tuple, list})
_are_scalars: Final = SCALARS.issuperset
_refers_to: Final = gc.get_referents


def pack(value: object) -> bytes:
    """Encode a message between processes of a node: records of otpy's own, and plain values.

    Raises:
        NotSendable: It holds something that MessagePack cannot carry.
    """
    try:
        return encode(value)
    except UNSENDABLE as error:
        raise _not_sendable(value, error) from None


def pack_value(value: object) -> bytes:
    """Encode a value of the user's, to arrive as what it is.

    Raises:
        NotSendable: It cannot be carried.
    """
    return pack(_carried(value))


def pack_frame(message: tuple[object, ...]) -> bytes:
    """Encode `message`, whose last part is a value of the user's, as a frame.

    Raises:
        NotSendable: The value cannot be carried.
        FrameTooLarge: The message has more than `MAX_FRAME` bytes.
    """
    # Each answer comes this way: so nothing is called that need not be.
    value = message[-1]
    if type(value) not in SCALARS and (ready := _carried(value)) is not value:
        message = (*message[:-1], ready)
    try:
        body = encode(message)
    except UNSENDABLE as error:
        raise _not_sendable(message[-1], error) from None
    size = len(body)
    return (HEADERS[size] if size < SMALL else _header_of(size, MAX_FRAME)) + body


def pack_request(message: tuple[object, ...], max_frame: int = MAX_FRAME) -> bytes:
    """Encode `message`, whose last part is a request of the user's, as a frame.

    A request that is a tuple or a list arrives as a tuple; what it holds, as what it is.

    Raises:
        NotSendable: The request cannot be carried.
        FrameTooLarge: The message has more than `max_frame` bytes.
    """
    request = message[-1]
    if (ready := _request(request)) is not request:
        message = (*message[:-1], ready)
    try:
        body = encode(message)
    except UNSENDABLE as error:
        raise _not_sendable(message[-1], error) from None
    return _header_of(len(body), max_frame) + body


def framed(message: tuple[object, ...], max_frame: int = MAX_FRAME) -> bytes:
    """Encode a message whose parts are such as MessagePack carries, as a frame.

    Raises:
        FrameTooLarge: It has more than `max_frame` bytes.
    """
    body = encode(message)
    return _header_of(len(body), max_frame) + body


def pack_requests(kind: int, requests: list[object], max_frame: int = MAX_FRAME) -> bytes:
    """Encode several requests as a frame of such a kind; raises as `pack_request`."""
    ready = requests if _is_plain(requests) else [*map(_request, requests)]
    try:
        body = encode((kind, ready))
    except UNSENDABLE as error:
        raise _not_sendable(ready, error) from None
    return _header_of(len(body), max_frame) + body


def _is_plain(requests: list[Any]) -> bool:
    """Return whether all have arguments, of types that need no conversion."""
    # All that a tuple or a list refers to are its elements.
    return {*map(type, requests)} <= _SEQUENCES and _are_scalars(map(type, _refers_to(*requests)))


def _request(request: object) -> object:
    """Return the request in a form that MessagePack can encode."""
    if type(request) is not tuple and type(request) is not list:
        return request if type(request) in SCALARS else _carried(request)
    for part in request:
        if type(part) not in SCALARS:
            return [_carried(each, request) for each in request]
    return request


def _carried(value: object, whole: object = None) -> Any:
    kind = type(value)
    if kind in SCALARS or ((kind is list or kind is dict) and is_plain(value)):
        return value
    try:
        return extended(value)
    except (NotSendable, *UNSENDABLE) as error:
        raise _not_sendable(value if whole is None else whole, error) from None


def _header_of(size: int, max_frame: int) -> bytes:
    if size > max_frame:
        raise FrameTooLarge(size, max_frame)
    return _header(size)


def _not_sendable(value: object, error: Exception) -> NotSendable:
    return NotSendable(f"cannot send a {type(value).__qualname__}: {error}")


def printable(value: object, limit: int) -> str:
    """Return a text that can be sent and kept: Unicode, and not much over `limit` characters.

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
    """Return why a value that came cannot be read here."""
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
