"""Large values between two workers, in shared memory; the pipe has their positions.

Each end makes a ring when it sends something large for the second time, and offers it. The other
end finds it by /proc, and says so in the memory itself; until it has, large values go by the pipe.
The small frame that tells where a value lies keeps the order with all the others, and is written
when the value is there as a whole: so a process that is killed in the middle leaves nothing that
could be half read.
"""

import contextlib
import mmap
import os
from collections.abc import Callable, Iterator
from typing import Final

from otpy.errors import ProtocolError
from otpy.system.allocator import raise_mmap_threshold
from otpy.system.descriptor import Descriptor
from otpy.system.locks import new_lock
from otpy.system.shared_memory import identity, make_memory, open_memory
from otpy.wire.frames import MAX_FRAME, Frame, LargeFrame, join
from otpy.wire.peer import SHM_BODY, SHM_OFFER, peer_frame
from otpy.wire.shm_ring import Ring, ShmBody, ShmOffer, end_of

CAPACITY: Final = MAX_FRAME
"""Bytes of values that a ring holds; only what was used of it is really there."""

KEPT: Final = 8 << 20
"""The first bytes, whose memory is kept for the next values; that beyond is given back each time.

No memory that is at hand would be as slow as a pipe: the kernel makes it anew page by page.
"""

_MANY_SMALL: Final = 1 << 18
"""Of smaller values many lie there, and may be read at once: they need as much memory together."""

_POPULATE_WRITE: Final = 23
"""MADV_POPULATE_WRITE of Linux 5.14, which the module `mmap` does not name."""

_WORDS_BYTES: Final = 4096
_SIZE: Final = _WORDS_BYTES + CAPACITY

# Each number is written by one end and read by the other, eight aligned bytes at once, and each
# is on a cache line of its own.
_READ: Final = 0
"""The position up to which the reader has read everything."""
_WANTED: Final = 8
"""The position that the writer waits for; 0 if it does not."""
_FOUND: Final = 16
"""1 once the reader has found the memory."""


class _Memory:
    """The positions and the bytes of a ring."""

    __slots__ = ("_fence", "_shared", "content", "words")

    def __init__(self, shared: mmap.mmap) -> None:
        self._shared = shared
        view = memoryview(shared)
        self.words = view[:_WORDS_BYTES].cast("Q")
        self.content = view[_WORDS_BYTES:]
        self._fence = new_lock()

    def populate(self, span: ShmBody) -> None:
        """Populate the pages of a body beyond `KEPT` at once, not one by one as it is written."""
        self._advise(_POPULATE_WRITE, span)

    def give_back(self, span: ShmBody) -> None:
        """Return the pages of a body beyond `KEPT` to the kernel."""
        self._advise(mmap.MADV_REMOVE, span)

    def _advise(self, advice: int, span: ShmBody) -> None:
        start = span.start % CAPACITY
        end = start + end_of(span) - span.start
        if end <= KEPT:
            return
        page = mmap.PAGESIZE  # of the kernel, which may have larger ones than ours
        first = -(-(_WORDS_BYTES + max(start, KEPT)) // page) * page
        last = (_WORDS_BYTES + end) // page * page
        with contextlib.suppress(OSError):  # without it all is as right, but slower or larger
            self._shared.madvise(advice, first, last - first)

    def settle(self) -> None:
        """Complete all that this process did to the memory before what it does there next.

        Two ends that each write a number and then read the other's would else both miss it. To
        take a lock is a full barrier on x86; elsewhere, to give it back and take it again is.
        """
        with self._fence:
            pass
        with self._fence:
            pass


class RingWriter:
    """The ring into which this end of a link writes large values. For one thread at a time."""

    _made: Descriptor | None = None

    def __init__(self) -> None:
        self._ring = Ring(CAPACITY, KEPT)
        self._memory: _Memory | None = None
        self._offer = b""
        self._failed_once = False
        self._uncommitted = False

    def __del__(self) -> None:
        self._close_offer()

    def write(self, data: LargeFrame) -> Frame | None:
        """Return the frame to send in place of `data`; None if there is no room yet.

        Each is followed by `commit` or `rollback`. A thread that a signal handler's exception
        interrupts does neither, and it is not known then what was sent: nothing more is written
        here, and large values go by the pipe.
        """
        if self._uncommitted or not (self._memory or self._make()):
            return data
        memory = self._memory
        assert memory is not None
        if self._offer and not memory.words[_FOUND]:
            return data.prefixed_with(self._offer)
        if self._made is not None:
            self._close_offer()
        read = memory.words[_READ]
        span = self._ring.find(data.body_size, read)
        if span is None:
            return None
        self._uncommitted = True
        memory.populate(span)
        at = span.start % CAPACITY
        for piece in data.pieces[1:]:
            memory.content[at : at + len(piece)] = piece
            at += len(piece)
        self._ring.take(span, read)
        return peer_frame(SHM_BODY, 0, tuple(span))

    def commit(self) -> None:
        """Note that the frame was sent that announces what was written."""
        self._uncommitted = False

    def rollback(self) -> None:
        """Undo `write`: its frame was not sent, and will not be."""
        if self._uncommitted:
            self._ring.rollback()
            self._uncommitted = False

    def request_space(self, data: LargeFrame) -> bool:
        """Ask the other end to report when there is room; return False if there is by now."""
        assert self._memory is not None
        words = self._memory.words
        awaited = self._ring.awaited(data.body_size, words[_READ])
        words[_WANTED] = awaited
        self._memory.settle()
        return words[_READ] < awaited

    def _make(self) -> bool:
        if self._failed_once:
            return False
        # Out of descriptors, of memory, interrupted: the pipe does it, too.
        self._failed_once = True
        try:
            self._made, shared = make_memory("otpy: shm", _SIZE)
        except (OSError, ValueError):
            return False
        offer = ShmOffer(os.getpid(), self._made.fileno(), *identity(self._made))
        self._offer = join(peer_frame(SHM_OFFER, 0, tuple(offer)))
        self._memory = _Memory(shared)  # at the end: what is there is offered
        return True

    def _close_offer(self) -> None:
        self._offer = b""
        if (made := self._made) is not None:
            self._made = None
            made.close()


class RingReader:
    """The ring into which the other end of a link writes large values. For one thread at a time."""

    def __init__(self) -> None:
        self._memory: _Memory | None = None
        self._found: ShmOffer | None = None

    def accept_offer(self, offer: ShmOffer) -> None:
        """Map the other end's memory; if that fails, large values come by the pipe."""
        if offer == self._found:
            return  # it was repeated until this end had come to it
        try:
            shared = open_memory(*offer, _SIZE)
        except (OSError, ValueError):
            return
        self._memory, self._found = _Memory(shared), offer
        self._memory.words[_FOUND] = 1

    @contextlib.contextmanager
    def body(self, span: ShmBody, on_space: Callable[[], object]) -> Iterator[memoryview]:
        """Lend a body where it lies; after the block its place is free.

        Args:
            span: Where it lies.
            on_space: Called after the block if the other end waits for so much room.

        Raises:
            ProtocolError: Nothing can lie there.
        """
        start = span.start % CAPACITY
        if self._memory is None or not 0 <= span.size <= CAPACITY - start:
            raise ProtocolError(f"nothing lies at {span}")
        raise_mmap_threshold(max(span.size, _MANY_SMALL))
        try:
            yield self._memory.content[start : start + span.size]
        finally:
            if self._free(self._memory, span):
                on_space()

    def _free(self, memory: _Memory, span: ShmBody) -> bool:
        """Free the place of a body; return whether the other end waits for so much room."""
        words = memory.words
        memory.give_back(span)
        memory.settle()  # the other end may write there as soon as it is told
        words[_READ] = read = end_of(span)
        memory.settle()
        wanted = words[_WANTED]
        if not wanted or read < wanted:
            return False
        words[_WANTED] = 0
        return True
