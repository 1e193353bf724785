"""Which log files a node has, and whose lines are in them."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from otpy.wire.log_files import INDEX, path_of, read_index, rotated

_LOG: Final = ".log"
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """A log file with its rotations.

    Attributes:
        file: Where it is, as long as it is not rotated.
        paths: Of the processes that write to it; None if its name does not say.
        is_elsewhere: It is not in the node's folder: others may write to it, too.
    """

    file: Path
    paths: frozenset[str] | None
    is_elsewhere: bool = False


def find_sources(folder: Path) -> list[Source]:
    """Return the log files of the node whose ``log/`` is `folder`, in the order of their names.

    Raises:
        OSError: The folder cannot be read.
    """
    names = {base for entry in folder.iterdir() if (base := base_name(entry.name))}
    found = [source_of(folder / name) for name in sorted(names)]
    others: dict[str, set[str]] = {}
    for other in read_index(folder):
        others.setdefault(other.file, set()).add(other.path)
    return found + [Source(Path(file), frozenset(paths), True) for file, paths in others.items()]


def source_of(file: Path) -> Source:
    """Return the source of a file in the node's folder."""
    path = path_of(file.name)
    return Source(file, None if path is None else frozenset({path}))


def base_name(name: str) -> str:
    """Return the name that a file in the node's folder had before it was rotated; else ""."""
    base, dot, number = name.rpartition(".")
    name = base if dot and number.isascii() and number.isdigit() else name
    return name if name.endswith(_LOG) and name != INDEX else ""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the files of a source, which is read wherever it has been rotated to.

    Attributes:
        file: Of the source.
        inode: Device and inode.
        size: How long it was when it was found.
        written_at: When it was written last, then, in Unix time.
    """

    file: Path
    inode: tuple[int, int]
    size: int
    written_at: float

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset` on; none if the file is gone.

        It is opened for each read: there may be more files than one may have open.
        """
        for path in reversed(rotated(self.file)):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                found = os.fstat(fd)
                if (found.st_dev, found.st_ino) == self.inode:
                    return os.pread(fd, size, offset)
            finally:
                os.close(fd)
        return b""

    def without_last_half(self) -> "Part":
        """Return this part up to the end of its last whole line."""
        end = self.size
        while end > 0:
            start = max(0, end - _BLOCK)
            newline = self.read(start, end - start).rfind(b"\n")
            if newline >= 0:
                return replace(self, size=start + newline + 1)
            end = start
        return replace(self, size=0)


Snapshot: TypeAlias = "list[tuple[Source, list[Part]]]"
"""The sources that are read, each with the files that there were at a moment."""


def snapshot_of(sources: Iterable[Source]) -> Snapshot:
    """Return what there is of these sources now."""
    return [(source, list(parts_of(source))) for source in sources]


def parts_of(source: Source) -> Iterator[Part]:
    """Return the files of a source that are there, oldest first."""
    for path in rotated(source.file):
        try:
            found = path.stat()
        except OSError:  # rotated or removed meanwhile
            continue
        if not stat.S_ISREG(found.st_mode):
            continue  # a pipe at that path has nothing to read
        yield Part(source.file, (found.st_dev, found.st_ino), found.st_size, found.st_mtime)
