"""The files in which a node keeps how its processes ended: the last of each path, bounded in all.

The files are numbered, and a line is appended to the last of them. What is not wanted any more goes
when the oldest file does: its lines that still count are appended to the last one first. So nothing
is lost if the node is killed meanwhile; a line may be there twice.
"""

import heapq
import os
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from otpy.runtime.node.appending import FLAGS, append
from otpy.system.descriptor import Descriptor
from otpy.wire.ends import KEPT, End, Line, Then, encoded, file_at, files_in, line_of, read_line

MAX_BYTES: Final = 60 << 20
"""Of all files."""

MAX_WANTED: Final = 40 << 20
"""Of the lines that count; beyond it those are forgotten of which there are most."""

_FILE: Final = 1 << 20
_SMALL: Final = 4 << 20
_ROOM: Final = 0.9
_MAX_REMOVED: Final = 4096
_MAX_PATHS: Final = 1 << 14
_MAX_WAITING: Final = 1 << 18


class Ring:
    """The ends of one path that count: their numbers and sizes, oldest first.

    Attributes:
        at: When it ended last.
        size: Of all its lines, in bytes.
        revision: Of what was written last about what was done.
    """

    __slots__ = ("_ends", "at", "revision", "size")

    def __init__(self) -> None:
        self._ends: deque[tuple[int, int]] = deque()
        self.at, self.size, self.revision = 0.0, 0, 0

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def first(self) -> int:
        """The number of the oldest end."""
        return self._ends[0][0]

    @property
    def last(self) -> int:
        """The number of the latest end."""
        return self._ends[-1][0]

    def add(self, number: int, size: int) -> None:
        """Add an end."""
        self._ends.append((number, size))
        self.size, self.revision = self.size + size, 0

    def grow(self, size: int) -> None:
        """Add to the size of the last end."""
        number, before = self._ends.pop()
        self._ends.append((number, before + size))
        self.size += size

    def drop_oldest(self) -> int:
        """Forget the oldest end; return its size."""
        _, size = self._ends.popleft()
        self.size -= size
        return size


class EndStore:
    """The ends of the processes of a node, in its folder.

    What is there is read when it is first used.

    Args:
        folder: Where the files are; it is made when there is something to write.

    Attributes:
        complain: Called with the reason when a file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.complain: Callable[[str], object] = lambda _reason: None
        self._folder = folder
        self._rings: dict[str, Ring] | None = None
        self._removed: OrderedDict[str, None] = OrderedDict()
        self._sizes: dict[int, int] = {}
        self._number, self._wanted = 0, 0
        self._waiting: deque[bytes] = deque()
        self._complained = False

    # ---- what ended --------------------------------------------------------------------------

    def add(self, end: End) -> None:
        """Note an end."""
        rings = self._read()
        self._number += 1
        line = line_of(Line(end.path, self._number, end=encoded(end)))
        self._removed.pop(end.path, None)
        # Behind the others, so that the paths are in the order of their last ends.
        ring = rings.pop(end.path, None) or Ring()
        rings[end.path] = ring
        ring.at = end.at
        self._count(ring, self._number, len(line))
        self._waiting.append(line)

    def follow(self, path: str, then: Then) -> None:
        """Note what was done about the last end of a path, in place of what was noted before."""
        if (ring := self._read().get(path)) is None:
            return
        ring.revision += 1
        line = line_of(Line(path, ring.last, ring.revision, then=then))
        ring.grow(len(line))
        self._wanted += len(line)
        self._waiting.append(line)
        if then.did == "removed":
            self._is_removed(path)

    def flush(self) -> None:
        """Write what was noted. A full disk costs the record, never the node."""
        if not self._waiting:
            return
        self._forget_some()
        try:
            self._write()
            self._complained = False
            self._clean()
        except OSError as error:
            self._failed(error)

    # ---- what counts -------------------------------------------------------------------------

    def _count(self, ring: Ring, number: int, size: int) -> None:
        ring.add(number, size)
        self._wanted += size
        if len(ring) > KEPT:
            self._wanted -= ring.drop_oldest()

    def _is_removed(self, path: str) -> None:
        self._removed[path] = None
        self._removed.move_to_end(path)

    def _forget_some(self) -> None:
        """Forget the oldest of what was removed, and of too many; then of whom there is most."""
        rings = self._read()
        while len(self._removed) > _MAX_REMOVED:
            self._forget(next(iter(self._removed)))
        while len(rings) > _MAX_PATHS:
            self._forget(next(iter(rings)))
        if self._wanted > MAX_WANTED:
            self._make_room(int(MAX_WANTED * _ROOM))

    def _forget(self, path: str) -> None:
        self._removed.pop(path, None)
        self._wanted -= self._read().pop(path).size

    def _make_room(self, most: int) -> None:
        """Forget ends until those that are left have `most` bytes.

        Those of the supervisor with whose children they are most: first what is not in the tree any
        more, the oldest of it, then the oldest end of the child with the most. So a child that ends
        again and again takes nothing from others, nor do children that come and go.
        """
        groups = self._groups()
        sizes = [(-sum(self._rings_at(path).size for _, path in g), n) for n, g in groups.items()]
        heapq.heapify(sizes)
        while self._wanted > most and sizes:
            size, name = heapq.heappop(sizes)
            dropped = self._drop_of(groups[name])
            if groups[name]:
                heapq.heappush(sizes, (size + dropped, name))

    def _groups(self) -> dict[str, list[tuple[tuple[bool, int, float], str]]]:
        groups: dict[str, list[tuple[tuple[bool, int, float], str]]] = {}
        for path in self._read():
            groups.setdefault(path.rpartition("/")[0], []).append((self._rank(path), path))
        for group in groups.values():
            heapq.heapify(group)
        return groups

    def _rank(self, path: str) -> tuple[bool, int, float]:
        """Return what is low for a path that is to lose an end before others of its supervisor."""
        ring = self._rings_at(path)
        return path not in self._removed, -ring.size if len(ring) > 1 else 0, ring.at

    def _drop_of(self, group: list[tuple[tuple[bool, int, float], str]]) -> int:
        _, path = heapq.heappop(group)
        ring = self._rings_at(path)
        if len(ring) == 1:
            size = ring.size
            self._forget(path)
            return size
        size = ring.drop_oldest()
        self._wanted -= size
        heapq.heappush(group, (self._rank(path), path))
        return size

    def _rings_at(self, path: str) -> Ring:
        return self._read()[path]

    # ---- the files ---------------------------------------------------------------------------

    def _read(self) -> dict[str, Ring]:
        """Return the rings; read the files first if that was not done."""
        if self._rings is not None:
            return self._rings
        self._rings = {}
        found = _Found()
        for path in files_in(self._folder):
            number = self._sizes[int(path.stem)] = 0
            for data in _lines(path):
                number += len(data)
                if (line := read_line(data)) is not None:
                    found.take(line, len(data))
            self._sizes[int(path.stem)] = number
        # In the order of their last ends, as `add` keeps them.
        for path_, sizes in sorted(found.sizes.items(), key=lambda item: max(item[1])):
            ring = self._rings[path_] = Ring()
            for number in sorted(sizes):
                self._count(ring, number, sizes[number])
            # When they were is not read; this much is true, that they were in this order.
            self._number, ring.at = max(self._number, ring.last), float(ring.last)
            ring.revision, did = found.latest.get((path_, ring.last), (0, ""))
            if did == "removed":
                self._is_removed(path_)
        return self._rings

    def _write(self) -> None:
        """Append what waits to the last file, or to a new one.

        Raises:
            OSError: It cannot be written, or not all of it.
        """
        number = max(self._sizes, default=0)
        if not number or self._sizes[number] >= _FILE:
            number += 1
        file = self._open(file_at(self._folder, number))
        try:
            lines = tuple(self._waiting)
            done, error = append(file.fileno(), lines)
            for _ in range(done):
                self._waiting.popleft()
            self._sizes[number] = os.fstat(file.fileno()).st_size
        finally:
            file.close()
        if error is not None:
            raise error

    def _open(self, path: Path) -> Descriptor:
        try:
            return Descriptor(os.open(path, FLAGS | os.O_NOFOLLOW, 0o600))
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700)
            return Descriptor(os.open(path, FLAGS | os.O_NOFOLLOW, 0o600))

    def _clean(self) -> None:
        """Remove old files while there is much in them that does not count.

        Raises:
            OSError: What counts of them cannot be written anew.
        """
        for oldest in sorted(self._sizes)[:-1]:
            if sum(self._sizes.values()) <= min(MAX_BYTES, max(_SMALL, 2 * self._wanted)):
                return
            path = file_at(self._folder, oldest)
            self._waiting.extend(data for data in _lines(path) if self._counts(data))
            if self._waiting:
                self._write()
            path.unlink(missing_ok=True)
            del self._sizes[oldest]

    def _counts(self, data: bytes) -> bool:
        line = read_line(data)
        ring = None if line is None else self._read().get(line.path)
        return ring is not None and line is not None and line.number >= ring.first

    def _failed(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self.complain(f"{self._folder}: {error.strerror or error}")
        size = sum(map(len, self._waiting))
        while size > _MAX_WAITING:
            size -= len(self._waiting.popleft())


class _Found:
    """The ends in the files: the sizes of their lines, and what was done about them last."""

    def __init__(self) -> None:
        self.sizes: dict[str, dict[int, int]] = {}
        self.latest: dict[tuple[str, int], tuple[int, str]] = {}

    def take(self, line: Line, size: int) -> None:
        """Note a line."""
        if line.has_end:
            of_path = self.sizes.setdefault(line.path, {})
            of_path[line.number] = of_path.get(line.number, 0) + size
        if line.then is not None:
            key = line.path, line.number
            self.latest[key] = max(self.latest.get(key, (0, "")), (line.revision, line.then.did))


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError:
        return
