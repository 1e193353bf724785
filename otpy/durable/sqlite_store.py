"""The state of a server in a file of its own: SQLite.

The write-ahead log is what makes a commit one write(2), which survives the death of the process;
with ``disk`` it is followed by fsync(2). In locking mode EXCLUSIVE the process holds a lock on the
file (fcntl(2)) from the first read on, that the kernel releases at its death: so two processes
never have it open, and there is no file of shared memory beside it.
"""

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from otpy.durable.store import FORMAT, Changes, Loaded, StoredTimer
from otpy.errors import StorageError

P = ParamSpec("P")
T = TypeVar("T")

_PAGE_BYTES: Final = 1024
"""Small ones: a commit writes each page that it changes, as a whole."""

_CHECKPOINT_PAGES: Final = 4096
WAIT_S: Final = 10.0

IN_USE: Final = "another process has the state open"

_STATEMENTS: Final = 64
_ROWS: Final = 256
"""So many rows are read at once; their reader may change the table meanwhile."""

_SCHEMA: Final = """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE attributes (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE rows (owner TEXT, key BLOB, value BLOB NOT NULL, PRIMARY KEY (owner, key))
        WITHOUT ROWID;
    CREATE TABLE answers (session BLOB, number INTEGER, answer BLOB NOT NULL, given REAL NOT NULL,
        PRIMARY KEY (session, number)) WITHOUT ROWID;
    CREATE TABLE timers (number INTEGER PRIMARY KEY, due REAL NOT NULL, message BLOB NOT NULL);
"""

_APPLICATION: Final = 0x6F747079
"""What says that a database is a state: "otpy"."""

_MAGIC: Final = b"SQLite format 3\0"
_ID_AT: Final = 68
_HEADER_BYTES: Final = 100
"""Database File Format, 1.3: the header."""

_DAMAGED: Final = (
    "the state is damaged: {}; it is left as it is. Put a copy in its place, or begin anew with "
    "`otpy durable reset`"
)

_NO_CHANGES: Final = Changes()

_SET_ATTRIBUTE: Final = "UPDATE attributes SET value = ? WHERE name = ?"


class SqliteStore:
    """The state of one server in one file.

    Args:
        file: Its path; the folder is made if there is none.
        disk: Whether a commit survives a loss of power, too.
        wait: Seconds that another process may have it open: one that is being killed.
    """

    def __init__(self, file: Path, *, disk: bool = False, wait: float = WAIT_S) -> None:
        self._file, self._disk, self._wait = file, disk, wait
        self._database: sqlite3.Connection | None = None
        self._execute: Callable[..., sqlite3.Cursor] = self._closed
        self._begun = False
        self._known: set[str] = set()

    def open(self) -> Loaded:
        """Open the file; see `Store.open`."""
        return self._told(self._open)

    def commit(self, attributes: Mapping[str, bytes | None], changes: Changes | None) -> None:
        """Commit; see `Store.commit`."""
        try:
            # One attribute that there was before, as nearly always: one statement does.
            if changes is None and len(attributes) == 1 and not self._begun:
                for name, value in attributes.items():
                    if value is not None and name in self._known:
                        self._execute(_SET_ATTRIBUTE, (value, name))
                        return
            self._write(attributes, changes or _NO_CHANGES)
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    @property
    def has_begun(self) -> bool:
        """Whether rows have changed since the last commit."""
        return self._begun

    def rollback(self) -> None:
        """Undo what was not committed."""
        if self._begun:
            self._begun = False
            with suppress(sqlite3.Error):  # it ends with the process in any case
                self._execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        self._execute = self._closed
        if database is not None:
            with suppress(sqlite3.Error):  # what was committed is in the log, if not in the file
                database.close()

    def back_up(self, file: Path) -> int:
        """Write a copy; see `Store.back_up`."""
        return self._told(self._back_up, file)

    @property
    def is_open(self) -> bool:
        """Whether this process has it."""
        return self._database is not None

    def empty_log(self) -> None:
        """Write everything that is in the log into the file itself."""
        self._told(self._execute, "PRAGMA wal_checkpoint(TRUNCATE)")

    def leave_to_parent(self) -> None:
        """Keep the database open for ever: this is a process that its owner has forked.

        To close it would write the parent's log into the file, and remove it: SQLite knows nothing
        of forks (How To Corrupt An SQLite Database File, 2.6).
        """
        if self._database is not None:
            import ctypes  # noqa: PLC0415  # few durable servers fork

            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._database))
            self._database, self._execute = None, self._closed

    def reset(self) -> None:
        """Forget the whole state."""
        self._told(self._reset)

    # --- rows of tables -------------------------------------------------------------------------

    def get_row(self, table: str, key: bytes) -> bytes | None:
        """Return a row."""
        sql = "SELECT value FROM rows WHERE owner = ? AND key = ?"
        row = self._told(lambda: self._execute(sql, (table, key)).fetchone())
        return None if row is None else row[0]

    def put_row(self, table: str, key: bytes, value: bytes) -> bool:
        """Set a row."""

        def put() -> bool:
            self._begin()
            sql = "UPDATE rows SET value = ? WHERE owner = ? AND key = ?"
            if self._execute(sql, (value, table, key)).rowcount:
                return False
            self._execute("INSERT INTO rows VALUES (?, ?, ?)", (table, key, value))
            return True

        return self._told(put)

    def delete_row(self, table: str, key: bytes) -> bool:
        """Delete a row."""

        def delete() -> bool:
            self._begin()
            sql = "DELETE FROM rows WHERE owner = ? AND key = ?"
            return bool(self._execute(sql, (table, key)).rowcount)

        return self._told(delete)

    def delete_rows(self, table: str) -> None:
        """Delete all rows of a table."""

        def delete() -> None:
            self._begin()
            self._execute("DELETE FROM rows WHERE owner = ?", (table,))

        self._told(delete)

    def tables(self) -> dict[str, int]:
        """Return how many rows each table has."""
        sql = "SELECT owner, count(*) FROM rows GROUP BY owner"
        return dict(self._told(lambda: self._execute(sql).fetchall()))

    def count_rows(self, table: str) -> int:
        """Return how many rows a table has."""
        sql = "SELECT count(*) FROM rows WHERE owner = ?"
        count: int = self._told(lambda: self._execute(sql, (table,)).fetchone()[0])
        return count

    def rows(
        self,
        table: str,
        low: bytes | None = None,
        high: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield rows, in the order of their keys."""
        last: bytes | None = None
        while True:
            group = self._told(self._some_rows, table, low, high, last, reverse)
            yield from group
            if len(group) < _ROWS:
                return
            last = group[-1][0]

    def _some_rows(
        self,
        table: str,
        low: bytes | None,
        high: bytes | None,
        last: bytes | None,
        reverse: bool,
    ) -> list[tuple[bytes, bytes]]:
        bounds = {
            "key >= ?": low,
            "key < ?": high,
            "key < ? " if reverse else "key > ?": last,
        }
        given = {sql: value for sql, value in bounds.items() if value is not None}
        where = " AND ".join(["owner = ?", *given])
        order = "DESC" if reverse else "ASC"
        sql = f"SELECT key, value FROM rows WHERE {where} ORDER BY key {order} LIMIT {_ROWS}"  # noqa: S608
        return self._execute(sql, (table, *given.values())).fetchall()

    # --- kept answers ---------------------------------------------------------------------------

    def kept_answer(self, session: bytes, number: int) -> bytes | None:
        """Return the answer that is kept for a call."""
        sql = "SELECT answer FROM answers WHERE session = ? AND number = ?"
        row = self._told(lambda: self._execute(sql, (session, number)).fetchone())
        return None if row is None else row[0]

    def forget_answers(self, session: bytes, up_to: int, before: float) -> None:
        """Forget old answers of a session."""

        def forget() -> None:
            self._begin()
            sql = "DELETE FROM answers WHERE session = ? AND number <= ? AND given < ?"
            self._execute(sql, (session, up_to, before))

        self._told(forget)

    def forget_sessions(self, before: float) -> None:
        """Forget sessions that are over."""

        def forget() -> None:
            self._begin()
            over = "SELECT session FROM answers GROUP BY session HAVING max(given) < ?"
            self._execute(f"DELETE FROM answers WHERE session IN ({over})", (before,))  # noqa: S608

        self._told(forget)

    # --- the file -------------------------------------------------------------------------------

    def _open(self) -> Loaded:
        while True:
            loaded, opened = self._open_once()
            if _identity(self._file) == opened:
                return loaded
            self.close()  # another file was put in its place while this waited for the lock

    def _open_once(self) -> tuple[Loaded, tuple[int, int]]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._file.exists():
            _create(self._file)
        _check_header(self._file)
        opened = _identity(self._file)
        self._database = _connect(self._file, self._wait)
        _stores.add(self)
        _watch_forks()
        self._execute = self._database.execute
        self._execute("PRAGMA locking_mode = EXCLUSIVE")
        self._execute("PRAGMA journal_mode = WAL")
        self._execute(f"PRAGMA synchronous = {'FULL' if self._disk else 'NORMAL'}")
        self._execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        # The lock to write is had from now on, and kept.
        self._execute("BEGIN IMMEDIATE")
        self._execute("COMMIT")
        return self._load(), opened

    def _load(self) -> Loaded:
        facts: dict[str, int] = dict(self._execute("SELECT name, value FROM facts").fetchall())
        if (found := facts.get("format")) != FORMAT:
            raise StorageError(
                f"{self._file}: format {found} of the state, expected {FORMAT}: it was written "
                "by another version of otpy"
            )
        attributes = dict(self._execute("SELECT name, value FROM attributes").fetchall())
        self._known = set(attributes)
        timers = self._execute("SELECT number, due, message FROM timers ORDER BY due").fetchall()
        return Loaded(facts.get("version"), attributes, tuple(StoredTimer(*row) for row in timers))

    def _back_up(self, file: Path) -> int:
        assert self._database is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(file, flags, 0o600))
        try:
            copy = _connect(file)
            try:
                self._database.backup(copy)
                # So that it is one file, which can be copied and put anywhere.
                copy.execute("PRAGMA journal_mode = DELETE")
            finally:
                copy.close()
        except BaseException:
            file.unlink()
            raise
        return file.stat().st_size

    def _reset(self) -> None:
        self._begin()
        for table in ("attributes", "rows", "answers", "timers"):
            self._execute(f"DELETE FROM {table}")  # noqa: S608
        self._execute("DELETE FROM facts WHERE name = 'version'")
        self._known = set()

    def _write(self, attributes: Mapping[str, bytes | None], changes: Changes) -> None:
        self._begin()
        for name, value in attributes.items():
            self._write_attribute(name, value)
        if changes.version is not None:
            self._execute("REPLACE INTO facts VALUES ('version', ?)", (changes.version,))
        now = time.time()
        for kept in changes.answers:
            answer = (kept.session, kept.number, kept.answer, now)
            self._execute("REPLACE INTO answers VALUES (?, ?, ?, ?)", answer)
        for timer in changes.timers:
            row = (timer.number, timer.due, timer.message)
            self._execute("INSERT INTO timers VALUES (?, ?, ?)", row)
        for number in changes.fired:
            self._execute("DELETE FROM timers WHERE number = ?", (number,))
        self._execute("COMMIT")
        self._begun = False

    def _write_attribute(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._execute("DELETE FROM attributes WHERE name = ?", (name,))
            self._known.discard(name)
        elif name in self._known:
            self._execute(_SET_ATTRIBUTE, (value, name))
        else:
            self._execute("INSERT INTO attributes VALUES (?, ?)", (name, value))
            self._known.add(name)

    def _begin(self) -> None:
        if not self._begun:
            self._execute("BEGIN")
            self._begun = True

    def _closed(self, *_: object) -> sqlite3.Cursor:
        raise StorageError(f"{self._file}: the state is closed")

    def _told(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with the file; raises `StorageError` with what is wrong with it."""
        try:
            return do(*args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error | OSError) -> StorageError:
        return StorageError(f"{self._file}: {_said(error)}")


def _said(error: sqlite3.Error | OSError) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return _DAMAGED.format(text)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IN_USE
    return text


def _check_header(file: Path) -> None:
    """Look, before SQLite may write to it, whether a file can be a state.

    Raises:
        StorageError: It is none.
        OSError: It cannot be read.
    """
    with file.open("rb") as opened:
        header = opened.read(_HEADER_BYTES)
    if not header.startswith(_MAGIC):
        raise StorageError(f"{file}: {_DAMAGED.format('it is no database')}")
    if header[_ID_AT : _ID_AT + 4] != _APPLICATION.to_bytes(4, "big"):
        raise StorageError(f"{file}: a database of something else, no state of otpy's")


def _connect(file: Path, wait: float = WAIT_S) -> sqlite3.Connection:
    # It opens no file that is not there, and none that another user has put a link to.
    uri = f"{file.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=wait,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS,
    )


_watches_forks: Final[list[bool]] = []
_stores: "Final[weakref.WeakSet[SqliteStore]]" = weakref.WeakSet()


def _watch_forks() -> None:
    if not _watches_forks:
        _watches_forks.append(True)
        os.register_at_fork(after_in_child=_leave_to_parent)


def _leave_to_parent() -> None:
    for store in _stores:
        store.leave_to_parent()


def _identity(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_dev, about.st_ino


def _create(file: Path) -> None:
    """Make a file without a state, whole or not at all.

    So one that is there and is empty is a damaged one, and never taken for a new one.
    """
    made = file.with_name(f".{file.name}.{os.getpid()}")
    os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    try:
        database = _connect(made)
        try:
            database.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute("BEGIN")
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute("INSERT INTO facts VALUES ('format', ?)", (FORMAT,))
            database.execute("COMMIT")
        finally:
            database.close()
        with suppress(FileExistsError):
            os.link(made, file)  # not over one that another process has made meanwhile
    finally:
        with suppress(FileNotFoundError):
            made.unlink()
