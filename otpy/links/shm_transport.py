"""The memory for large values that belongs to one end of a link: its own, and the other end's.

Most workers never send anything large: what it takes is imported by those that do.
"""

from typing import TYPE_CHECKING

from otpy.errors import ProtocolError
from otpy.wire.frames import Frame, LargeFrame
from otpy.wire.shm_ring import Laid, Offer

if TYPE_CHECKING:
    from otpy.links.shm import OtherShelf, Shelf


class Shelves:
    """Both shelves of a link. Who sends and who reads may be two threads, but not more."""

    __slots__ = ("_again", "_ours", "_theirs")

    def __init__(self) -> None:
        self._again = False
        self._ours: Shelf | None = None
        self._theirs: OtherShelf | None = None

    def lay(self, data: LargeFrame) -> Frame | None:
        """Return the frame to send in place of `data`; None if there is no room for it yet."""
        if not self._again:
            self._again = True  # who sends a single large value need not make anything
            return data
        if self._ours is None:
            try:
                from otpy.links.shm import Shelf  # noqa: PLC0415
            except (ImportError, OSError):
                return data  # out of descriptors: the pipe does it, too
            self._ours = Shelf()
        return self._ours.lay(data)

    def told(self) -> None:
        """Take note that the frame was sent that tells of what was laid."""
        if self._ours is not None:
            self._ours.told()

    def take_back(self) -> None:
        """Take note that it was not, and will not be."""
        if self._ours is not None:
            self._ours.take_back()

    def expect_room(self, data: LargeFrame) -> bool:
        """Have the other end say when there is room; False if there is by now."""
        assert self._ours is not None
        return self._ours.expect_room(data)

    def find(self, offer: Offer) -> None:
        """Take up the other end's offer, if that can be."""
        if self._theirs is None:
            try:
                from otpy.links.shm import OtherShelf  # noqa: PLC0415
            except (ImportError, OSError):
                return
            self._theirs = OtherShelf()
        self._theirs.find(offer)

    def body(self, laid: Laid) -> memoryview:
        """Return a body where it lies, until it is given back by `free`.

        Raises:
            ProtocolError: Nothing can lie there.
        """
        if self._theirs is None:
            raise ProtocolError("something was laid where nothing was offered")
        return self._theirs.body(laid)

    def free(self, laid: Laid) -> bool:
        """Give the place of a body back; True if the other end is to be told that there is room."""
        assert self._theirs is not None
        return self._theirs.free(laid)
