"""The memory for large values that belongs to one end of a link: its own, and the other end's.

Most workers never send anything large: what it takes is imported by those that do.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from otpy.errors import ProtocolError
from otpy.wire.frames import Frame, LargeFrame
from otpy.wire.shm_ring import ShmBody, ShmOffer

if TYPE_CHECKING:
    from otpy.links.shm import RingReader, RingWriter


class ShmTransport:
    """The shared memory of both ends of a link. One thread may send while another reads."""

    __slots__ = ("_again", "_ours", "_theirs")

    def __init__(self) -> None:
        self._again = False
        self._ours: RingWriter | None = None
        self._theirs: RingReader | None = None

    def write(self, data: LargeFrame) -> Frame | None:
        """Return the frame to send in place of `data`; None if there is no room for it yet."""
        if not self._again:
            self._again = True  # for a single large value nothing is made
            return data
        if self._ours is None:
            try:
                from otpy.links.shm import RingWriter  # noqa: PLC0415
            except (ImportError, OSError):
                return data  # out of descriptors: the pipe does it, too
            self._ours = RingWriter()
        return self._ours.write(data)

    def commit(self) -> None:
        """Note that the frame was sent that announces what was written."""
        if self._ours is not None:
            self._ours.commit()

    def rollback(self) -> None:
        """Undo `write`: its frame was not sent, and will not be."""
        if self._ours is not None:
            self._ours.rollback()

    def request_space(self, data: LargeFrame) -> bool:
        """Ask the other end to report when there is room; return False if there is by now."""
        assert self._ours is not None
        return self._ours.request_space(data)

    def accept_offer(self, offer: ShmOffer) -> None:
        """Map the other end's memory, if that can be."""
        if self._theirs is None:
            try:
                from otpy.links.shm import RingReader  # noqa: PLC0415
            except (ImportError, OSError):
                return
            self._theirs = RingReader()
        self._theirs.accept_offer(offer)

    def body(
        self, span: ShmBody, on_space: Callable[[], object]
    ) -> AbstractContextManager[memoryview]:
        """Lend a body where it lies, for the time of a block; as `RingReader.body`.

        Raises:
            ProtocolError: Nothing can lie there.
        """
        if self._theirs is None:
            raise ProtocolError("something was written where nothing was offered")
        return self._theirs.body(span, on_space)
