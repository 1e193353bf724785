"""Go on with what is written into log files, over their rotation and the node's restart."""

import errno
import select
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from otpy.logs.merging import merged
from otpy.logs.reading import PIECE, Entry
from otpy.logs.selection import Selection
from otpy.logs.sources import Part, Snapshot, Source, base_name, find_sources, parts_of, source_of
from otpy.system import inotify
from otpy.system.inotify import Inotify
from otpy.wire.log_files import INDEX

_CHANGES: Final = (
    inotify.CREATE | inotify.MODIFY | inotify.MOVED_TO | inotify.DELETE_SELF | inotify.MOVE_SELF
)
_HEAD: Final = 64
"""Bytes at the beginning of a file by which it is told from a later one with the same inode."""


class Follower:
    """Reads what is written into a node's log files from now on.

    Args:
        folder: The node's ``log/``.
        selection: What is wanted.

    Attributes:
        past: What was there before.

    Raises:
        OSError: The kernel cannot watch the files, or the folder cannot be read.
    """

    def __init__(self, folder: Path, selection: Selection) -> None:
        self._folder, self._selection = folder, selection
        self._inotify = Inotify()
        self._folders: dict[int, Path] = {}
        self._readers: dict[Path, _Reader] = {}
        self._watch(folder)
        self._find()
        self.past: Snapshot = [(each.source, each.skip()) for each in self._readers.values()]

    def fileno(self) -> int:
        """Return the descriptor that is readable when something has changed."""
        return self._inotify.fileno()

    def changed(self) -> Iterator[Entry]:
        """Yield what has been written since, in the order of the times."""
        readers = list(self._readers_of(self._inotify.changes()))
        while readers:
            # Not all at once: a program that floods may have written more than the memory holds.
            batch = [(reader, reader.read()) for reader in readers]
            yield from merged([found for _, found in batch])
            readers = [reader for reader, _ in batch if reader.has_more]

    def close(self) -> None:
        """Watch no more."""
        self._inotify.close()

    def _readers_of(self, changes: list[tuple[int, str]] | None) -> Iterable["_Reader"]:
        if changes is None:
            self._watch(self._folder)
            self._find()
            return self._readers.values()
        found: dict[Path, _Reader] = {}
        for watch, name in changes:
            place = self._folders.get(watch)
            if place is None or not name:
                self._find()
                found |= self._readers
            elif place == self._folder:
                self._changed_in_folder(name, found)
            elif place == self._folder.parent:
                if name == self._folder.name:
                    self._find()
                    found |= self._readers
            else:
                for file, reader in self._readers.items():
                    if file.parent == place and name.startswith(file.name):
                        found[file] = reader
        return found.values()

    def _changed_in_folder(self, name: str, found: "dict[Path, _Reader]") -> None:
        if name == INDEX:
            before = set(self._readers)
            self._find()
            found |= {file: self._readers[file] for file in self._readers.keys() - before}
        elif base := base_name(name):
            file = self._folder / base
            self._add(source_of(file))
            if file in self._readers:
                found[file] = self._readers[file]

    def _find(self) -> None:
        """Look which files there are, and watch their folders."""
        try:
            self._watch(self._folder)
            for source in find_sources(self._folder):
                self._add(source)
        except FileNotFoundError:  # the whole folder was removed: the node makes it anew
            self._watch(self._folder.parent)

    def _add(self, source: Source) -> None:
        known = self._readers.get(source.file)
        if known is not None and known.source.paths != source.paths:
            known.source = source
        elif known is None and self._selection.may_be_in(source):
            if source.file.parent != self._folder:
                try:
                    self._watch(source.file.parent)
                except OSError:
                    return  # it is not there any more
            self._readers[source.file] = _Reader(source, self._selection)

    def _watch(self, folder: Path) -> None:
        try:
            self._folders[self._inotify.add(folder, _CHANGES)] = folder
        except OSError as error:
            if error.errno == errno.ENOSPC:
                error.strerror = "too many files are watched (fs.inotify.max_user_watches)"
            raise


class _Reader:
    """Reads one source from where it was read up to."""

    def __init__(self, source: Source, selection: Selection) -> None:
        self.source, self._selection = source, selection
        self._places: dict[tuple[int, int], tuple[int, bytes]] = {}
        self.has_more = False

    def skip(self) -> list[Part]:
        """Begin behind what is there now; return that."""
        parts = [part.without_last_half() for part in parts_of(self.source)]
        self._places = {part.inode: (part.size, part.read(0, _HEAD)) for part in parts}
        return parts

    def read(self) -> list[Entry]:
        """Return what is new, up to a piece of it; `has_more` says whether there is more."""
        found: list[Entry] = []
        self.has_more = False
        places: dict[tuple[int, int], tuple[int, bytes]] = {}
        wanted = self._selection.filter_of(self.source)
        for part in list(parts_of(self.source)):
            offset, head = self._places.get(part.inode, (0, b""))
            start = part.read(0, _HEAD)
            if part.size < offset or not start.startswith(head):
                offset = 0  # truncated, or another file
            data = b"" if self.has_more else part.read(offset, PIECE)
            whole = data.rfind(b"\n") + 1
            if not whole and len(data) == PIECE:
                whole = PIECE
            found += wanted(data[:whole])
            places[part.inode] = (offset + whole, start)
            self.has_more = self.has_more or len(data) == PIECE
        self._places = places
        return found


def wait_for(follower: Follower, reader_fd: int) -> bool:
    """Wait until something has changed; return False if nobody reads `reader_fd` any more."""
    waiting = select.poll()
    waiting.register(follower, select.POLLIN)
    waiting.register(reader_fd, 0)  # reports POLLERR alone
    return all(fd != reader_fd for fd, _ in waiting.poll())
