"""Frames out of bytes, however they arrive; memory follows what arrived (6.4)."""

import random
import struct
import tracemalloc

import pytest

from otpy.errors import FrameTooLarge
from otpy.wire.frames import FrameDecoder, frame

ANNOUNCED = 60 << 20


def held_by(decoders: list[FrameDecoder], data: bytes) -> int:
    """Feed each, and return how much memory all of them keep."""
    tracemalloc.start()
    try:
        for decoder in decoders:
            decoder.feed(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_length_that_is_only_announced_takes_no_memory() -> None:
    decoders = [FrameDecoder() for _ in range(100)]
    assert held_by(decoders, struct.pack(">I", ANNOUNCED) + b"0123456789") < 2 << 20


def test_memory_is_a_few_times_what_has_come() -> None:
    decoder = FrameDecoder()
    decoder.feed(struct.pack(">I", ANNOUNCED))
    assert held_by([decoder], bytes(1 << 20)) < 9 << 20


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000, 5 << 20])
def test_bodies_come_whole_however_they_are_cut(size: int) -> None:
    chance = random.Random(size)
    body = chance.randbytes(size)
    stream = frame(body) + frame(b"next")
    decoder, bodies = FrameDecoder(), []
    while stream:
        count = chance.choice([1, 3, 4, 1000, 65_536, 1 << 20])
        if decoder.buffer is not None and chance.random() < 0.7:
            count = min(count, len(decoder.buffer), len(stream))
            decoder.buffer[:count] = stream[:count]
            bodies += decoder.buffer_updated(count)
        else:
            bodies += decoder.feed(stream[:count])
        stream = stream[count:]
    assert bodies == [body, b"next"]
    assert not decoder.partial
    assert decoder.buffer is None


def test_a_body_that_is_too_large_is_refused_when_it_is_announced() -> None:
    with pytest.raises(FrameTooLarge):
        FrameDecoder(1000).feed(struct.pack(">I", 1001))
