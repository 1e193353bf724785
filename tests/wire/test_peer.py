"""Values that two workers send each other, and what their classes may do meanwhile."""

from typing import Any

import pytest

from otpy.errors import NotSendable
from otpy.wire import peer
from otpy.wire.frames import HEADER, join


def read(value: object) -> Any:
    """Put a value into a frame, and read it as the other worker does."""
    body = join(peer.peer_frame(peer.CAST, 0, value))[HEADER.size :]
    return peer.peer_message(body)[2]


class NoNumber:
    """Of unknown size, as an array may be whose content is not there yet."""

    nbytes = float("nan")


class Method:
    """Computes its size."""

    def nbytes(self) -> int:
        return 1 << 20


class Columns:
    """Looks for every attribute elsewhere."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(f"{name} is not loaded")


@pytest.mark.parametrize("kind", [NoNumber, Method, Columns])
def test_what_tells_no_number_of_bytes_is_sent_all_the_same(kind: type) -> None:
    assert type(read(kind())) is kind
    assert type(read(("put", kind()))[1]) is kind


class Mute(Exception):
    """Its text cannot be told."""

    def __str__(self) -> str:
        raise ValueError("no text")


def _refuse() -> None:
    raise Mute


class Unpicklable:
    def __reduce__(self) -> Any:
        raise Mute


class Unreadable:
    def __reduce__(self) -> Any:
        return _refuse, ()


def test_an_error_without_a_text_is_an_error_like_any_other() -> None:
    with pytest.raises(NotSendable, match="cannot be told"):
        read(Unpicklable())
    unreadable = read(Unreadable())
    assert isinstance(unreadable, peer.Unreadable)
    assert "Mute" in str(unreadable.error)


def test_what_is_about_to_be_sent_keeps_its_size() -> None:
    content = bytearray(1 << 17)
    frame = peer.peer_frame(peer.CAST, 0, content)
    with pytest.raises(BufferError):
        content += b"x"
    del frame
    content += b"x"
