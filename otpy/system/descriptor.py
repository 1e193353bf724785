"""A file descriptor has one owner, an object: it closes once, and no loop waits for it after that.

The number alone says nothing: once it is closed, the kernel gives it to whatever is opened next,
and code that closes, watches or writes to it by then hits the descriptor of another owner.

With ``OTPY_CHECK_DESCRIPTORS`` in the environment every mistake with an owner is an error; see
`otpy.system.descriptor_checks`. Without it that costs nothing.
"""

import os
from collections.abc import Iterable
from typing import Final, Protocol, Self

CHECKS_VARIABLE: Final = "OTPY_CHECK_DESCRIPTORS"

_CLOSED: Final = -1


class HasFileno(Protocol):
    """An owner of a descriptor, of whatever kind."""

    def fileno(self) -> int:
        """Return the descriptor's number."""


class Watcher(Protocol):
    """A loop that waits for descriptors."""

    def unwatch(self, descriptor: "Watchable", /) -> None:
        """Wait for it no more."""


class Watchable(HasFileno, Protocol):
    """Whatever a loop can wait for: it unwatches itself before it closes.

    Attributes:
        watcher: The loop that waits for it, if one does.
    """

    watcher: Watcher | None


class Descriptor:
    """An open descriptor, and the only one that closes it.

    Args:
        fd: The number, which no other code closes from now on.

    Attributes:
        watcher: The loop that waits for it, if one does.
    """

    __slots__ = ("_fd", "watcher")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.watcher: Watcher | None = None

    def __repr__(self) -> str:
        return f"<Descriptor {self._fd}>" if self._fd >= 0 else "<Descriptor, closed>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a descriptor has one owner: it is not copied")

    @property
    def closed(self) -> bool:
        """Whether it was closed, or handed over by `detach`."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the number: for a call, not to be kept. -1 once it is closed."""
        return self._fd

    def detach(self) -> int:
        """Return the number for another owner; this is as if closed from now on."""
        if self.watcher is not None:
            self.watcher.unwatch(self)
        fd, self._fd = self._fd, _CLOSED
        return fd

    def close(self) -> None:
        """Close it, and be waited for no more; the second time does nothing."""
        # As `detach`, without a call: a link has several to close.
        if self.watcher is not None:
            self.watcher.unwatch(self)
        fd, self._fd = self._fd, _CLOSED
        if fd >= 0:
            try:  # noqa: SIM105  # `suppress` takes longer, and is on pages that workers do without
                os.close(fd)
            except OSError:
                # On Linux it is closed all the same (close(2)): what could not be written to a full
                # disk or a lost server is not to end what closes.
                pass

    def duplicate(self) -> "Descriptor":
        """Return another descriptor of the same file, with an owner of its own.

        Raises:
            OSError: There are too many open files.
        """
        return Descriptor(os.dup(self.fileno()))


def pipe(*, blocking: bool = True) -> tuple[Descriptor, Descriptor]:
    """Create a pipe; return its read end and its write end.

    Raises:
        OSError: There are too many open files.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC | (0 if blocking else os.O_NONBLOCK))
    return Descriptor(reader), Descriptor(writer)


def close_all(descriptors: Iterable[Descriptor]) -> None:
    """Close several."""
    for each in descriptors:
        each.close()


def leave_to_kernel() -> None:
    """Note that this process ends: what is open is closed with it, and no owner has to."""


if os.environ.get(CHECKS_VARIABLE):
    from otpy.system.descriptor_checks import CheckedDescriptor, leave_unchecked

    Descriptor = CheckedDescriptor  # type: ignore[misc]
    leave_to_kernel = leave_unchecked
