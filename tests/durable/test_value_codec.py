"""Values as they are stored: what is read is what was written, or it is refused before."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
import pytest

from otpy.durable.value_codec import CannotStore, ValueCodec


@dataclass
class Point:
    x: int
    y: int = 0


@dataclass
class Named(Point):
    name: str = ""


class Colour(Enum):
    RED = "red"


class Order(msgspec.Struct):
    number: int
    lines: list[Point] = msgspec.field(default_factory=list)


NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 5),
        (float, 2.5),
        (float, 3),
        (str, "é"),
        (bytes, b"\x00"),
        (bool, True),
        (int | None, None),
        (set[str], {"a", "b"}),
        (frozenset[int], frozenset({1})),
        (tuple[int, str], (1, "a")),
        (dict[int, Point], {1: Point(1)}),
        (Point, Point(1, 2)),
        (Order, Order(1, [Point(3)])),
        (Colour, Colour.RED),
        (datetime, NOW),
        (timedelta, timedelta(seconds=5)),
        (Decimal, Decimal("1.50")),
        (uuid.UUID, uuid.UUID(int=5)),
        (list[Point] | None, [Point(1)]),
        (Any, {1: (2, {3})}),
        (None, {1: (2, {3}, NOW, Decimal(1))}),
        (None, [1, "a", None, b"b"]),
    ],
)
def test_a_value_comes_back_as_what_it_was(kind: Any, value: Any) -> None:
    codec = ValueCodec(kind)
    back = codec.decode(codec.encode(value))
    assert back == value
    if kind is None:
        assert type(back) is type(value)


def test_what_is_not_equal_to_itself_can_be_stored() -> None:
    codec = ValueCodec(list[float])
    assert str(codec.decode(codec.encode([float("nan")]))) == "[nan]"


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, "5", "str, which is no int"),
        (int, True, "bool, which is no int"),
        (Point, Named(1, 2, "a"), "Named: only what Point has of it would be stored"),
        (list[Point], [Named(1)], "only what"),
        (None, object(), "object is unsupported"),
        (None, Point(1), "annotate the attribute"),
        (int, 1 << 80, "int: "),
        (Point, {"x": 1}, "dict: only what Point has|dict, which is no Point"),
    ],
)
def test_what_would_be_read_as_another_value_is_refused(kind: Any, value: Any, said: str) -> None:
    with pytest.raises(CannotStore, match=said):
        ValueCodec(kind).encode(value)


def test_a_type_of_which_nothing_can_be_stored_is_refused() -> None:
    @dataclass
    class Odd:
        what: complex = field(default=1j)

    with pytest.raises(CannotStore):
        ValueCodec(Odd).encode(Odd())


@pytest.mark.parametrize("data", [b"\xa15", b"", b"\xc1"])
def test_what_is_stored_is_read_strictly(data: bytes) -> None:
    with pytest.raises(CannotStore, match="it is no int"):
        ValueCodec(int).decode(data)
