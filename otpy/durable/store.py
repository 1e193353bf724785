"""A store keeps the state of one server: what it is asked to do, whichever it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

FORMAT = 1
"""The version of the form in which all of it is stored."""


@dataclass(frozen=True, slots=True)
class StoredTimer:
    """A message that is to come later.

    Attributes:
        number: Which one it is.
        due: When, in seconds of the wall clock since 1970.
        message: Encoded.
    """

    number: int
    due: float
    message: bytes


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a store has when it is opened.

    Attributes:
        version: The version of the server's class that wrote it; None if there is no state yet.
        attributes: Encoded, by name.
        timers: Those that have not been handled.
    """

    version: int | None = None
    attributes: dict[str, bytes] = field(default_factory=dict)
    timers: tuple[StoredTimer, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to a call that is applied once.

    Attributes:
        session: Of the caller.
        number: Of the call in that session.
        answer: Encoded.
    """

    session: bytes
    number: int
    answer: bytes


@dataclass(slots=True)
class Changes:
    """What a commit writes beside attributes, and rows of tables, which are written as they change.

    Attributes:
        answers: To keep.
        timers: To keep.
        fired: Numbers of timers that are handled or cancelled.
        version: To be noted with it.
    """

    answers: list[KeptAnswer] = field(default_factory=list)
    timers: list[StoredTimer] = field(default_factory=list)
    fired: list[int] = field(default_factory=list)
    version: int | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.answers or self.timers or self.fired or self.version is not None)


class Store(Protocol):
    """Keeps the state of one server; only one process at a time has it open.

    Every method may raise `StorageError`: nothing that was not committed counts then, and the
    store is of no use any more.
    """

    def open(self) -> Loaded:
        """Take the state for this process alone, and read it but for the rows of tables."""

    def commit(self, attributes: Mapping[str, bytes | None], changes: Changes | None) -> None:
        """Store what has changed since the last commit, rows included: all, or nothing.

        Args:
            attributes: Encoded, by name; None for those that there are no more.
            changes: What else there is.
        """

    @property
    def has_begun(self) -> bool:
        """Whether rows have changed since the last commit."""

    def rollback(self) -> None:
        """Undo the changes of rows since the last commit."""

    def close(self) -> None:
        """Let another process have it; the second time does nothing."""

    def back_up(self, file: Path) -> int:
        """Write a copy of what is committed into a new file; return its size in bytes."""

    def reset(self) -> None:
        """Forget the whole state; it counts from the next commit on."""

    # --- rows of tables -------------------------------------------------------------------------

    def get_row(self, table: str, key: bytes) -> bytes | None:
        """Return a row; None if there is none."""

    def put_row(self, table: str, key: bytes, value: bytes) -> bool:
        """Set a row; return whether it is new."""

    def delete_row(self, table: str, key: bytes) -> bool:
        """Delete a row; return whether there was one."""

    def delete_rows(self, table: str) -> None:
        """Delete all rows of a table."""

    def count_rows(self, table: str) -> int:
        """Return how many rows a table has."""

    def rows(
        self,
        table: str,
        low: bytes | None = None,
        high: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows from `low` on and below `high`, in the order of their keys.

        Rows that change meanwhile are yielded as they are when their turn comes, as those after
        the last one that was yielded.
        """

    # --- kept answers ---------------------------------------------------------------------------

    def kept_answer(self, session: bytes, number: int) -> bytes | None:
        """Return the answer that is kept for a call."""

    def forget_answers(self, session: bytes, up_to: int, before: float) -> None:
        """Forget a session's answers with numbers up to one that were given before a time."""

    def forget_sessions(self, before: float) -> None:
        """Forget all answers of the sessions whose last one was given before a time."""
