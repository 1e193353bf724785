"""The fields of dataclasses that come and go by the thousand, and their pickles.

`dataclasses.fields` makes a tuple of a generator each time that it is called, as do `asdict` and
what pickles a dataclass that is frozen and has slots. Such a tuple is made with room for ten and
cut to its length; when it is gone, CPython keeps up to 2,000 for others that are made that long.
"""

import copyreg
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from io import BytesIO
from typing import Any, Final, TypeAlias

_PROTOCOL: Final = 5

_Reduced: TypeAlias = tuple[Callable[..., object], tuple[type, list[object]]]


class _FieldNames(dict[type, tuple[str, ...]]):
    def __missing__(self, kind: type) -> tuple[str, ...]:
        names = self[kind] = tuple([each.name for each in fields(kind)])
        return names


class _Reducers(dict[type, Callable[[Any], Any]]):
    """The function that pickles the instances of each class; `pickle`'s own for most."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        ordinary = copyreg.dispatch_table.get(kind, _reduced_by_itself)
        reducer = self[kind] = _reduced if is_dataclass(kind) else ordinary
        return reducer


_names: Final = _FieldNames()
_reducers: Final = _Reducers()


def as_dict(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass by their names; what they hold stays as it is."""
    return {name: getattr(record, name) for name in _names[type(record)]}


def dumps(value: object) -> bytes:
    """Pickle a value; a dataclass in it as its class and its fields."""
    file = BytesIO()
    pickler = pickle.Pickler(file, _PROTOCOL)
    pickler.dispatch_table = _reducers
    pickler.dump(value)
    return file.getvalue()


def _reduced(record: Any) -> _Reduced:
    kind = type(record)
    return _rebuilt, (kind, [getattr(record, name) for name in _names[kind]])


def _reduced_by_itself(value: Any) -> Any:
    if isinstance(value, type):  # of a class of classes: by its name
        return value.__qualname__
    return value.__reduce_ex__(_PROTOCOL)


def _rebuilt(kind: type, values: list[object]) -> object:
    record: object = object.__new__(kind)
    for name, value in zip(_names[kind], values, strict=True):
        object.__setattr__(record, name, value)
    return record
