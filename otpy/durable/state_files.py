"""The states in the files of a node, for those that look after them: the servers need not run."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from otpy.durable.places import file_of, path_of
from otpy.durable.sqlite_store import IN_USE, SqliteStore
from otpy.durable.store import Loaded
from otpy.durable.table_mark import is_table
from otpy.durable.value_codec import CannotStore, ValueCodec
from otpy.errors import StorageError

_LOGS: Final = ("-wal", "-shm", "-journal")
"""What stands behind the name of a file that belongs to a database."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """One state.

    Attributes:
        path: Of the server in the tree.
        file: Where it is.
        bytes: Its size.
        changed_at: When it was written last, in seconds since 1970.
        in_use: Whether a process has it open.
        version: Of the server's class that wrote it; None if it is in use, or has no state.
        problem: What is wrong with it; empty if nothing is.
    """

    path: str
    file: Path
    bytes: int
    changed_at: float
    in_use: bool = False
    version: int | None = None
    problem: str = ""


def states_in(folder: Path) -> list[StateFile]:
    """Return the states in a folder, by their paths."""
    try:
        files = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    found = ((path_of(file.name), file) for file in files)
    return [_looked_at(path, file) for path, file in found if path is not None]


def state_at(folder: Path, path: str) -> StateFile | None:
    """Return the state of the server with this path; None if there is none."""
    file = file_of(folder, path)
    return _looked_at(path, file) if file.exists() else None


def _looked_at(path: str, file: Path) -> StateFile:
    about = [each.stat() for each in _parts(file) if each.exists()]
    size = sum(each.st_size for each in about)
    changed_at = max((each.st_mtime for each in about), default=time.time())
    try:
        with _opened(file) as (_, loaded):
            return StateFile(path, file, size, changed_at, version=loaded.version)
    except StorageError as error:
        problem = str(error).removeprefix(f"{file}: ")
        if problem == IN_USE:
            return StateFile(path, file, size, changed_at, in_use=True)
        return StateFile(path, file, size, changed_at, problem=problem)


def contents_of(file: Path) -> dict[str, Any]:
    """Return what a state holds, as plain data: its version, attributes, tables and timers.

    Raises:
        StorageError: It is in use, or damaged.
    """
    plain = ValueCodec()
    with _opened(file) as (store, loaded):
        rows = store.tables()
    attributes, tables = {}, {}
    for name, data in loaded.attributes.items():
        if is_table(data):
            tables[name] = rows.get(name, 0)
        else:
            attributes[name or "snapshot"] = _decoded(plain, data)
    return {
        "version": loaded.version,
        "attributes": attributes,
        "tables": tables,
        "timers": len(loaded.timers),
    }


def copy_state(file: Path, to: Path) -> int:
    """Write a copy of a state into a new file; return its size.

    Raises:
        StorageError: It is in use, or damaged; or the file cannot be made.
    """
    with _opened(file) as (store, _):
        return store.back_up(to)


def put_state(folder: Path, path: str, copy: Path) -> None:
    """Put a copy in the place of a server's state.

    Raises:
        StorageError: The state is in use; or the copy is damaged, or none.
    """
    file = file_of(folder, path)
    made = file.with_name(f".{file.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        made.unlink()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        copy_state(copy, made)
        if not file.exists():
            os.link(made, file)
            return
        with _opened(file, damaged=True) as (store, _):
            _empty_log(store, file)  # else it would be taken for one of the copy
            made.replace(file)
    finally:
        with contextlib.suppress(FileNotFoundError):
            made.unlink()


def reset_state(file: Path) -> None:
    """Remove a state: its server begins anew.

    Raises:
        StorageError: It is in use.
    """
    with _opened(file, damaged=True) as (store, _):
        _empty_log(store, file)
        file.unlink()


@contextlib.contextmanager
def _opened(file: Path, *, damaged: bool = False) -> Iterator[tuple[SqliteStore, Loaded]]:
    """Hold a state, so that no server opens it meanwhile.

    Args:
        file: Where it is.
        damaged: Whether it may be damaged; what is held then is nothing.
    """
    store = SqliteStore(file, wait=0.0)
    try:
        try:
            loaded = store.open()
        except StorageError as error:
            if not damaged or str(error).endswith(IN_USE):
                raise
            store.close()
            loaded = Loaded()
        yield store, loaded
    finally:
        store.close()


def _parts(file: Path) -> list[Path]:
    return [file, *(file.with_name(file.name + suffix) for suffix in _LOGS)]


def _empty_log(store: SqliteStore, file: Path) -> None:
    if store.is_open:
        store.empty_log()
        return
    for part in _parts(file)[1:]:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _decoded(codec: ValueCodec, data: bytes) -> Any:
    try:
        return codec.decode(data)
    except CannotStore as error:
        return f"({error})"
