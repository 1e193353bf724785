"""Descriptors that complain: what the tests run every process of a node under test with.

With ``OTPY_CHECK_DESCRIPTORS=FILE`` in the environment a second close, a use after the close, two
owners of one number, a close behind the owner's back and an owner that is dropped without being
closed are errors. Each is raised, and told on stderr and at the end of FILE, since code that
catches the exception, or ends by it, may be any process of a node.
"""

import contextlib
import os
import sys
from types import FrameType
from typing import Final, TypeAlias

from otpy.system.descriptor import CHECKS_VARIABLE, Descriptor

Place: TypeAlias = tuple[tuple[str, int, str], ...]
"""The place of an event: file, line and function, the innermost first."""

_DEPTH: Final = 12
_STDERR: Final = 2


class DescriptorError(AssertionError):
    """A descriptor was used, closed or dropped in a way that could hit another one."""


class Record:
    """The history of one owner.

    Args:
        fd: The number that it owns.
    """

    __slots__ = ("ended", "fd", "made", "pid")

    def __init__(self, fd: int) -> None:
        while _collected:
            with contextlib.suppress(DescriptorError):  # this one has no part in it
                _collected.pop().drop()
        self.fd, self.pid = fd, os.getpid()
        self.made, self.ended = _place(), _NOT_YET
        other = _owners.get(fd)
        if other is not None:
            complain(f"descriptor {fd} has an owner already", other)
        _owners[fd] = self

    def use(self, what: str) -> None:
        """Complain if it is closed."""
        if self.ended is not _NOT_YET:
            complain(f"closed descriptor {self.fd} is {what}", self)

    def end(self) -> None:
        """Note that it is closed, or handed over."""
        self.ended = _place()
        if _owners.get(self.fd) is self:
            del _owners[self.fd]

    def drop(self) -> None:
        """Complain if it can no longer be closed; a fork's copy is the parent's to close."""
        alive = self.pid == os.getpid() and not _ending and not sys.is_finalizing()
        if self.ended is _NOT_YET and alive:
            self.end()
            complain(f"descriptor {self.fd} was dropped while it is open", self)

    @property
    def history(self) -> str:
        """Return where it was opened, and where it was closed."""
        text = f"made at:\n{_shown(self.made)}"
        return text if self.ended is _NOT_YET else f"{text}closed at:\n{_shown(self.ended)}"


_REFERENCES: Final = 3
"""Of an object in its `__del__`, unless it is part of a cycle."""

_collected: Final[list[Record]] = []
"""Of descriptors in a cycle: Python finalizes its objects in any order, and the owner, which closes
this one, may come after it. They are looked at when the next one is made."""


class CheckedDescriptor(Descriptor):
    """A descriptor that complains of every mistake that is made with it."""

    __slots__ = ("_record",)

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._record = Record(fd)

    def __del__(self) -> None:
        if (record := getattr(self, "_record", None)) is None:
            return
        if sys.getrefcount(self) > _REFERENCES:
            _collected.append(record)
        else:
            record.drop()

    def fileno(self) -> int:
        """Return the number."""
        self._record.use("used")
        return super().fileno()

    def detach(self) -> int:
        """Return the number for another owner."""
        self._record.use("handed over, or closed again")
        fd = super().detach()
        self._record.end()
        return fd

    def close(self) -> None:
        """Close it."""
        fd = self.detach()
        try:
            os.close(fd)
        except OSError as error:
            complain(f"descriptor {fd} was closed behind its owner's back: {error}")


def leave_unchecked() -> None:
    """Note that this process ends: what is open is closed with it, and no owner has to."""
    _ending.append(True)


def complain(text: str, record: Record | None = None) -> None:
    """Print the error to stderr, and raise it."""
    history = "" if record is None else record.history
    now = _shown(_place())
    report = f"DescriptorError in process {os.getpid()}: {text}\nnow at:\n{now}{history}\n"
    for write in (_to_stderr, _to_file):
        try:
            write(report.encode(errors="replace"))
        except OSError:
            continue
    raise DescriptorError(report)


def _to_stderr(data: bytes) -> None:
    os.write(_STDERR, data)


def _to_file(data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    fd = os.open(os.environ[CHECKS_VARIABLE], flags, 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _place() -> Place:
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    found: list[tuple[str, int, str]] = []
    while frame is not None and len(found) < _DEPTH:
        found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return tuple(found)


def _shown(place: Place) -> str:
    return "".join(f"  {file}:{line} in {name}\n" for file, line, name in place)


_NOT_YET: Final[Place] = ()
_ending: Final[list[bool]] = []
_owners: Final[dict[int, Record]] = {}
"""Of the open descriptors of this process, by number."""

# A child keeps what it is told to of its parent's, and closes the rest by number.
os.register_at_fork(after_in_child=_owners.clear)
