"""The log of one process, followed without blocking the screen."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final, TypeVar

from otpy.cli.log_output import as_plain_text
from otpy.cli.log_place import log_folder
from otpy.logs.following import Follower
from otpy.logs.merging import last
from otpy.logs.reading import Entry
from otpy.logs.selection import Selection

T = TypeVar("T")

PAST: Final = 200
"""How many records there are at first."""
_AT_ONCE: Final = 200
"""How many of the newest records are shown at once; of a flood the rest is left out."""
_MOST: Final = 5000
"""How many records are read at once: one that floods has always more."""
_PAUSE_S: Final = 0.1


class LogTail:
    """What a process logs.

    Args:
        node: The name of its node.
        path: Of the process; of a supervisor, all that is below it as well.

    Raises:
        OtpyError: The node has no log.
        OSError: The files cannot be watched.
    """

    def __init__(self, node: str, path: str) -> None:
        self._selection = Selection((path or "root",))
        self._follower = Follower(log_folder(node).log, self._selection)

    def past(self) -> list[str]:
        """Return the last lines until now."""
        return _lines(last(self._follower.past, self._selection, PAST))

    def new(self) -> list[str]:
        """Return the lines since, at most the newest of them."""
        read = 0
        newest: deque[Entry] = deque(maxlen=_AT_ONCE)
        for entry in islice(self._follower.changed(), _MOST):
            read += 1
            newest.append(entry)
        left_out = read - len(newest)
        note = [f"... {left_out} records more: see `otpy logs`"] if left_out else []
        return [*note, *_lines(newest)]

    async def changed(self) -> None:
        """Wait until something has been written."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._follower.fileno(), readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._follower.fileno())

    def close(self) -> None:
        """Follow it no more."""
        self._follower.close()


@asynccontextmanager
async def following(node: str, path: str) -> AsyncIterator[AsyncIterator[list[str]]]:
    """Yield an iterator over what a process logs: first the past, then what is new."""
    opening = asyncio.ensure_future(asyncio.to_thread(LogTail, node, path))
    try:
        tail = await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).close()
        raise
    try:
        yield _pieces(tail)
    finally:
        tail.close()


async def _pieces(tail: LogTail) -> AsyncIterator[list[str]]:
    yield await in_thread(tail.past)
    while True:
        await tail.changed()
        yield await in_thread(tail.new)
        await asyncio.sleep(_PAUSE_S)


async def in_thread(do: Callable[[], T]) -> T:
    """Call a function in a thread. If this is cancelled, it still ends before what it uses does."""
    task = asyncio.ensure_future(asyncio.to_thread(do))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _lines(entries: "list[Entry] | deque[Entry]") -> list[str]:
    return [line for entry in entries for line in as_plain_text(entry).splitlines()]
