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


def unpack(body: bytes) -> object:
    """Decode `body`.

    Raises:
        ProtocolError: It is not MessagePack.
    """
    try:
        return _decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not MessagePack: {error}") from None
