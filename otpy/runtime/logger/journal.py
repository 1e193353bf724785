"""What the logger is writing, in memory that the node shares with it: a killed one has a successor.

The memory has two slots, and a byte that says which of them counts. A state is written into the
other slot, then the byte is changed: so the state is one or the other, wherever the logger is
killed.
"""

from mmap import mmap
from struct import Struct
from typing import Final

import msgspec

from otpy.wire.log_message import Number

_SLOT: Final = 1 << 20
_LENGTH: Final = Struct("I")


class State(msgspec.Struct, array_like=True):
    """What was being written.

    Attributes:
        number: Of the message.
        done: How many of its lines are written or dropped.
        count: How many lines after those are being written.
        file: Where.
        inode: Device and inode of that file.
        offset: Where in the file.
        dropped: How many lines each file lacks that were not mentioned in it yet.
    """

    number: Number = (0, 0, 0)
    done: int = 0
    count: int = 0
    file: str = ""
    inode: tuple[int, int] = (0, 0)
    offset: int = 0
    dropped: dict[str, int] = {}


class Journal:
    """Keeps a `State`. It is made before the logger is forked."""

    def __init__(self) -> None:
        self._memory = mmap(-1, 1 + 2 * (_LENGTH.size + _SLOT))

    def load(self) -> State:
        """Return the state that was stored last."""
        start = self._start(self._memory[0])
        (length,) = _LENGTH.unpack_from(self._memory, start)
        if not length:
            return State()
        start += _LENGTH.size
        return msgspec.msgpack.decode(self._memory[start : start + length], type=State)

    def store(self, state: State) -> None:
        """Store a state, at once."""
        data = msgspec.msgpack.encode(state)
        if len(data) > _SLOT:  # of thousands of files: the counts go, the lines stay
            state.dropped.clear()
            data = msgspec.msgpack.encode(state)
        other = 1 - self._memory[0]
        start = self._start(other)
        _LENGTH.pack_into(self._memory, start, len(data))
        start += _LENGTH.size
        self._memory[start : start + len(data)] = data
        self._memory[0] = other

    def _start(self, slot: int) -> int:
        return 1 + slot * (_LENGTH.size + _SLOT)
