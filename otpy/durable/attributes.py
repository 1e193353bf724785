"""The attributes of a server as its state: which there are, of which types, which changed."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, get_args, get_origin, get_type_hints

import msgspec

from otpy.durable.own_store import OwnStore
from otpy.durable.store import Store
from otpy.durable.table import Table
from otpy.durable.table_mark import is_table, table_mark, types_of
from otpy.durable.value_codec import CannotStore, ValueCodec, is_frozen
from otpy.errors import StorageError
from otpy.wire.safe_repr import short

LARGE_BYTES: Final = 1 << 20
"""An attribute of more bytes is warned of: it is written as a whole whenever it changes."""

_OTPYS: Final = frozenset({"name", "instance"})


class _Attribute:
    """What is known of one attribute.

    Attributes:
        codec: Of its values.
        value: The last value that was stored, if it cannot change; else `_UNKNOWN`.
        stored: Its stored form; None if it is not stored.
    """

    __slots__ = ("codec", "stored", "value")

    def __init__(self, codec: ValueCodec, stored: bytes | None = None) -> None:
        self.codec, self.stored = codec, stored
        self.value: object = _UNKNOWN


_UNKNOWN: Final = object()


class Attributes:
    """The attributes of one server that are its state: those that do not begin with ``_``.

    Args:
        server: The server.
        store: Where the rows of its tables are.

    Raises:
        StorageError: The types of its attributes cannot be read.
    """

    def __init__(self, server: object, store: Store) -> None:
        self._server, self._store = server, store
        self._hints = _hints(type(server))
        self._slots = tuple(_slots(type(server)))
        self._known: dict[str, _Attribute] = {}
        self._tables: dict[str, Table[Any, Any]] = {}
        self._warned: set[str] = set()

    def restore(self, stored: Mapping[str, bytes]) -> None:
        """Set the attributes to what is stored.

        Raises:
            StorageError: One is not of its type any more.
        """
        self.assume(stored)
        for name, data in stored.items():
            if is_table(data):
                setattr(self._server, name, self._table(name, data))
                continue
            attribute = self._known[name]
            try:
                value = attribute.codec.decode(data)
            except CannotStore as error:
                raise StorageError(f"{self._path(name)}: {error}") from None
            setattr(self._server, name, value)
            if is_frozen(value):
                attribute.value = value

    def assume(self, stored: Mapping[str, bytes]) -> None:
        """Note what is stored."""
        self._known = {
            name: _Attribute(self._codec(None if is_table(data) else name), data)
            for name, data in stored.items()
        }

    def migrate(
        self, stored: Mapping[str, bytes], migrate: Callable[[dict[str, Any]], object]
    ) -> None:
        """Set the attributes to what a function makes of the plain data of those that are stored.

        Tables stay as they are, and are among the data: their rows are theirs to change.

        Raises:
            StorageError: It returned no mapping, or a value is not of its attribute's type.
        """
        self.assume(stored)
        plain = ValueCodec()
        state = migrate(
            {
                name: self._table(name, data) if is_table(data) else plain.decode(data)
                for name, data in stored.items()
            }
        )
        if not isinstance(state, dict):
            name = type(self._server).__name__
            raise StorageError(f"{name}.migrate returned {short(state)}, expected a dict")
        for name, value in state.items():
            setattr(self._server, name, self._converted(name, value))

    def changes(self) -> dict[str, bytes | None]:
        """Return what is to be stored, since it changed; None for attributes that were deleted.

        Raises:
            StorageError: A value cannot be stored.
        """
        changed: dict[str, bytes | None] = {}
        known, count = self._known, 0
        for name, value in self._present() if self._slots else vars(self._server).items():
            if name[0] == "_" or name in _OTPYS or type(value) is OwnStore:
                continue
            count += 1
            attribute = known.get(name)
            if attribute is None:
                attribute = known[name] = _Attribute(self._codec(name, value))
            elif value is attribute.value:
                continue
            data = self._encoded(name, attribute, value)
            attribute.value = value if is_frozen(value) else _UNKNOWN
            if data != attribute.stored:
                changed[name] = attribute.stored = data
        if count < len(known):
            self._note_deleted(changed)
        return changed

    def _note_deleted(self, changed: dict[str, bytes | None]) -> None:
        for name in self._known.keys() - {name for name, _ in self._present()}:
            del self._known[name]
            changed[name] = None
            if self._tables.pop(name, None) is not None:
                self._store.delete_rows(name)

    def _present(self) -> Iterator[tuple[str, Any]]:
        server = self._server
        for name, value in vars(server).items():
            if name[0] != "_" and name not in _OTPYS and type(value) is not OwnStore:
                yield name, value
        for name in self._slots:
            if hasattr(server, name):
                yield name, getattr(server, name)

    def _encoded(self, name: str, attribute: _Attribute, value: Any) -> bytes:
        try:
            if isinstance(value, Table):
                return self._bound(name, value)
            if self._tables.pop(name, None) is not None:
                self._store.delete_rows(name)
                attribute.codec = self._codec(name)
            data = attribute.codec.encode(value)
        except CannotStore as error:
            raise StorageError(
                f"{self._path(name)} cannot be stored: {error}; an attribute that is not to be "
                "stored begins with an underscore"
            ) from None
        if len(data) > LARGE_BYTES and name not in self._warned:
            self._warned.add(name)
            sys.stderr.write(
                f"{self._path(name)} has {len(data)} bytes, which are written whenever it changes: "
                "an otpy.Table writes only the rows that change\n"
            )
        return data

    # ruff: noqa: SLF001  # a table's for the server that has it

    def _bound(self, name: str, table: Table[Any, Any]) -> bytes:
        """Bind a table that is new here; return what is stored in the attribute's place."""
        if self._tables.get(name) is not table:
            if table._is_bound:
                raise CannotStore("the table is in another attribute, too")
            if name in self._tables:
                self._store.delete_rows(name)
            table._bind(self._store, name, self._annotated(name) or table._types)
            self._tables[name] = table
        return table_mark(*(table._types if self._annotated(name) is None else (None, None)))

    def _table(self, name: str, data: bytes) -> Table[Any, Any]:
        """Return a table that is stored."""
        try:
            types = self._annotated(name) or types_of(data)
            table: Table[Any, Any] = Table()
            table._bind(self._store, name, types)
        except CannotStore as error:
            raise StorageError(f"{self._path(name)}: {error}") from None
        self._tables[name] = table
        return table

    def _annotated(self, name: str) -> tuple[Any, Any] | None:
        """Return the types of keys and rows that an annotation gives a table."""
        hint = self._hints.get(name)
        return get_args(hint) if get_origin(hint) is Table else None

    def _converted(self, name: str, value: Any) -> Any:
        hint = self._hints.get(name)
        if hint is None or isinstance(value, Table):
            return value
        try:
            return msgspec.convert(value, hint, from_attributes=False)
        except (ValueError, TypeError) as error:
            raise StorageError(f"{self._path(name)}: {error}") from None

    def _codec(self, name: str | None, value: object = None) -> ValueCodec:
        if name is None or isinstance(value, Table):
            return _ANY
        try:
            return ValueCodec(self._hints.get(name))
        except CannotStore as error:
            raise StorageError(f"{self._path(name)} cannot be stored: {error}") from None

    def _path(self, name: str) -> str:
        return f"{type(self._server).__name__}.{name}"


_ANY: Final = ValueCodec()


def _hints(server: type) -> dict[str, Any]:
    """Return the types that the annotations of a class give its attributes."""
    if not any(inspect.get_annotations(owner) for owner in server.__mro__[:-1]):
        return {}
    try:
        hints = get_type_hints(server, include_extras=True)
    except Exception as error:  # noqa: BLE001  # an annotation is an expression of the user's
        raise StorageError(
            f"{server.__name__}: its annotations cannot be read: {type(error).__name__}: {error}"
        ) from None
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def _slots(server: type) -> Iterator[str]:
    for owner in server.__mro__:
        names = owner.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if not name.startswith("_"):
                yield name
