"""MessagePack for everything that a client sends or reads: never pickle."""

from typing import Final

import msgspec

from otpy.errors import NotSendable, ProtocolError

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder()


def pack(value: object) -> bytes:
    """Encode `value`.

    Raises:
        NotSendable: It holds something that MessagePack cannot carry.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise NotSendable(f"cannot send a {type(value).__qualname__}: {error}") from None


def printable(value: object, limit: int) -> str:
    """Make a text that can be sent and kept: Unicode, and not much over `limit` characters.

    Python's strings may hold halves of characters, which no encoding carries: undecodable bytes
    of file names are such, and exceptions name files. And an object's text is user code.
    """
    try:
        text = str(value)
    except Exception:  # noqa: BLE001  # whatever is wrong with it, there is no text
        text = "its text cannot be told"
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]} ... {len(text) - 2 * half} characters ... {text[-half:]}"
    return text.encode(errors="backslashreplace").decode()


def unpack(body: bytes) -> object:
    """Decode `body`.

    Raises:
        ProtocolError: It is not MessagePack.
    """
    try:
        return _decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not MessagePack: {error}") from None
