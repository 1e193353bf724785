"""Where the rows of a table are: in memory, or in a store."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final, Protocol

from otpy.durable.store import Store
from otpy.durable.value_codec import CannotStore, ValueCodec
from otpy.errors import StorageError

_CACHED: Final = 4096
"""Most rows that are kept in memory beside the store."""


class Rows(Protocol):
    """The rows of a table by their encoded keys."""

    def get(self, key: bytes) -> Any:
        """Return a row; raises KeyError."""

    def put(self, key: bytes, row: Any) -> None:
        """Set a row; raises `CannotStore`."""

    def delete(self, key: bytes) -> None:
        """Delete a row; raises KeyError."""

    def clear(self) -> None:
        """Delete all."""

    def __len__(self) -> int:
        """Return how many there are."""

    def between(
        self, low: bytes | None, high: bytes | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, Any]]:
        """Yield those from `low` on and below `high` in order."""


class RowsInMemory:
    """The rows of a table in no durable server, or of one that was just made."""

    def __init__(self) -> None:
        self._rows: dict[bytes, Any] = {}

    def get(self, key: bytes) -> Any:
        """Return a row; raises KeyError."""
        return self._rows[key]

    def put(self, key: bytes, row: Any) -> None:
        """Set a row."""
        self._rows[key] = row

    def delete(self, key: bytes) -> None:
        """Delete a row; raises KeyError."""
        del self._rows[key]

    def clear(self) -> None:
        """Delete all."""
        self._rows.clear()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._rows)

    def between(
        self, low: bytes | None, high: bytes | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, Any]]:
        """Yield those from `low` on and below `high` in order."""
        for key in sorted(self._rows, reverse=reverse):
            inside = (low is None or key >= low) and (high is None or key < high)
            if inside and key in self._rows:
                yield key, self._rows[key]


class RowsInStore:
    """The rows of a table of a durable server.

    The latest are kept as they are stored, so that what a handler changes within a row, and does
    not assign, is seen by nobody.

    Args:
        store: Where they are.
        name: Of the table.
        values: Encodes rows.
    """

    def __init__(self, store: Store, name: str, values: ValueCodec) -> None:
        self._store, self._name, self._values = store, name, values
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()
        self._count: int | None = None

    def get(self, key: bytes) -> Any:
        """Return a row; raises KeyError."""
        data = self._cache.get(key)
        if data is None:
            data = self._store.get_row(self._name, key)
            if data is None:
                raise KeyError(key)
        self._keep(key, data)
        return self._decoded(data)

    def put(self, key: bytes, row: Any) -> None:
        """Set a row; raises `CannotStore`."""
        data = self._values.encode(row)
        is_new = self._store.put_row(self._name, key, data)
        self._count_more(is_new)
        self._keep(key, data)

    def delete(self, key: bytes) -> None:
        """Delete a row; raises KeyError."""
        self._cache.pop(key, None)
        if not self._store.delete_row(self._name, key):
            raise KeyError(key)
        self._count_more(-1)

    def clear(self) -> None:
        """Delete all."""
        self._cache.clear()
        self._store.delete_rows(self._name)
        self._count = 0

    def __len__(self) -> int:
        """Return how many there are."""
        if self._count is None:
            self._count = self._store.count_rows(self._name)
        return self._count

    def between(
        self, low: bytes | None, high: bytes | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, Any]]:
        """Yield those from `low` on and below `high` in order."""
        for key, data in self._store.rows(self._name, low, high, reverse=reverse):
            yield key, self._decoded(data)

    def _decoded(self, data: bytes) -> Any:
        try:
            return self._values.decode(data)
        except CannotStore as error:
            raise StorageError(f"a row of the table {self._name}: {error}") from None

    def _count_more(self, rows: int) -> None:
        if self._count is not None:
            self._count += rows

    def _keep(self, key: bytes, data: bytes) -> None:
        self._cache[key] = data
        self._cache.move_to_end(key)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
