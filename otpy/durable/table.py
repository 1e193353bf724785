"""A mapping in an attribute of a durable server, of which only the rows that change are written."""

import contextlib
from collections.abc import Iterator, MutableMapping
from typing import Any, Generic, TypeVar

from otpy.durable.ordered_keys import KeyCodec
from otpy.durable.store import Store
from otpy.durable.table_rows import Rows, RowsInMemory, RowsInStore
from otpy.durable.value_codec import CannotStore, ValueCodec
from otpy.errors import StorageError

K = TypeVar("K")
V = TypeVar("V")


class Table(MutableMapping[K, V], Generic[K, V]):
    """A mapping with ordered keys, in an attribute of a durable server.

    A row is read when it is looked up, and written when it is assigned: what is changed within it
    counts when it is assigned again, or inside ``with table.edit(key) as row``. In a server that
    is not durable it is a mapping in memory.

    The types may stand in an annotation of the class, too: ``accounts: otpy.Table[str, Account]``;
    one of the two is needed for rows that are dataclasses, Structs or enums, and after a restart
    only the annotation is there.

    Args:
        key: The type of the keys: int, str, bytes, float, bool, a tuple of such, date, datetime
            with a zone, UUID or an Enum of these.
        value: The type of the rows.

    Raises:
        TypeError: A key, or a row, is not of the type, or cannot be stored.
    """

    def __init__(self, key: Any = None, value: Any = None) -> None:
        self._types = (key, value)
        try:
            self._keys = KeyCodec(key)
            ValueCodec(value)
        except CannotStore as error:
            raise TypeError(str(error)) from None
        self._rows: Rows = RowsInMemory()

    def __getitem__(self, key: K) -> V:
        """Return the row of a key; raises KeyError."""
        try:
            row: V = self._rows.get(self._key(key))
        except KeyError:
            raise KeyError(key) from None
        return row

    def __setitem__(self, key: K, row: V) -> None:
        """Set the row of a key."""
        try:
            self._rows.put(self._key(key), row)
        except CannotStore as error:
            raise TypeError(f"the row {key!r:.100} cannot be stored: {error}") from None

    def __delitem__(self, key: K) -> None:
        """Delete the row of a key; raises KeyError."""
        try:
            self._rows.delete(self._key(key))
        except KeyError:
            raise KeyError(key) from None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def __bool__(self) -> bool:
        """Return whether there is a row, without counting them."""
        return next(iter(self), self) is not self

    def __iter__(self) -> Iterator[K]:
        """Yield the keys in their order."""
        for key, _ in self.range():
            yield key

    def __reversed__(self) -> Iterator[K]:
        """Yield the keys, the greatest first."""
        for key, _ in self.range(reverse=True):
            yield key

    def __repr__(self) -> str:
        return f"<Table of {len(self)} rows>"

    def clear(self) -> None:
        """Delete all rows."""
        self._rows.clear()

    def range(
        self, low: K | None = None, high: K | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[K, V]]:
        """Yield keys and rows in order, the key `low` included and `high` not.

        Args:
            low: Where to begin; None for the first.
            high: Before which to end; None for after the last.
            reverse: The greatest key first.
        """
        first = None if low is None else self._key(low)
        last = None if high is None else self._key(high)
        for stored, row in self._rows.between(first, last, reverse=reverse):
            yield self._decoded(stored), row

    @contextlib.contextmanager
    def edit(self, key: K) -> Iterator[V]:
        """Give the row of a key to a block that changes it; it is assigned at the block's end.

        A block that raises changes nothing. Raises KeyError if there is no such row.
        """
        row = self[key]
        yield row
        self[key] = row

    # --- for the server that has it ------------------------------------------------------------

    def _bind(self, store: Store, name: str, types: tuple[Any, Any]) -> None:
        """Keep the rows in a store from now on; those that are here by now go there.

        Args:
            store: The server's.
            name: Of the attribute.
            types: Of keys and rows.

        Raises:
            CannotStore: They cannot be stored.
        """
        self._types = types
        keys, rows = KeyCodec(types[0]), RowsInStore(store, name, ValueCodec(types[1]))
        for stored, row in self._rows.between(None, None, reverse=False):
            rows.put(keys.encode(self._keys.decode(stored)), row)
        self._keys, self._rows = keys, rows

    @property
    def _is_bound(self) -> bool:
        """Whether its rows are in a store."""
        return isinstance(self._rows, RowsInStore)

    def _key(self, key: Any) -> bytes:
        try:
            return self._keys.encode(key)
        except CannotStore as error:
            raise TypeError(str(error)) from None

    def _decoded(self, stored: bytes) -> K:
        try:
            key: K = self._keys.decode(stored)
        except CannotStore as error:
            raise StorageError(f"a row of the table: {error}") from None
        return key
