"""Keys of tables as bytes: they come back as what they were, and in their order."""

import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.durable.ordered_keys import KeyCodec, key_bytes, key_of
from otpy.durable.value_codec import CannotStore

FLOATS = st.floats(allow_nan=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MOMENTS = st.datetimes(timezones=st.just(UTC))
ONE_KIND: list[st.SearchStrategy[Any]] = [
    st.integers(),
    TEXT,
    st.binary(),
    FLOATS,
    st.booleans(),
    st.dates(),
    MOMENTS,
    st.uuids(),
    st.tuples(st.integers(), TEXT),
    st.tuples(st.binary(), st.binary()),
    st.tuples(st.tuples(TEXT), st.integers()),
]
ANY = st.recursive(
    st.one_of(st.none(), *ONE_KIND), lambda inner: st.lists(inner, max_size=4).map(tuple)
)


@given(ANY)
def test_a_key_comes_back_as_what_it_was(key: Any) -> None:
    back = key_of(key_bytes(key))
    assert back == key
    assert type(back) is type(key)


@pytest.mark.parametrize("kind", ONE_KIND, ids=range(len(ONE_KIND)))
@given(data=st.data())
def test_bytes_are_in_the_order_of_the_keys(kind: st.SearchStrategy[Any], data: Any) -> None:
    one, other = data.draw(kind), data.draw(kind)
    assert (key_bytes(one) < key_bytes(other)) == (one < other)
    assert (key_bytes(one) == key_bytes(other)) == (one == other)


@pytest.mark.parametrize("number", [0, 255, 256, 2**63, 2**64, 2**64 + 1, 2**200])
def test_integers_of_any_size_are_in_order(number: int) -> None:
    numbers = sorted({number, -number, number + 1, -number - 1, number - 1, 1 - number})
    assert sorted(numbers, key=key_bytes) == numbers


@given(st.lists(st.tuples(TEXT, st.integers()), max_size=20))
def test_tuples_that_begin_alike_lie_together(keys: list[tuple[str, int]]) -> None:
    assert sorted(keys, key=key_bytes) == sorted(keys)


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize("key", [Colour.RED, Level.HIGH])
def test_an_enum_comes_back_by_the_type_of_the_keys(key: Enum) -> None:
    codec = KeyCodec(type(key))
    assert codec.decode(codec.encode(key)) is key


def test_moments_of_several_zones_are_in_order() -> None:
    there = timezone(timedelta(hours=5))
    earlier = datetime(2026, 1, 1, 1, tzinfo=there)
    later = datetime(2026, 1, 1, 0, tzinfo=UTC)
    assert key_bytes(earlier) < key_bytes(later)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ([1], "a key of type list; expected int, str"),
        (float("nan"), "NaN"),
        (datetime(2026, 1, 1), "without a zone"),  # noqa: DTZ001
        ("\ud800", "half a character"),
        (1 << 9000, "as a key; at most"),
        (object(), "of type object"),
    ],
)
def test_what_has_no_place_in_an_order_is_refused(key: Any, said: str) -> None:
    with pytest.raises(CannotStore, match=said):
        key_bytes(key)


@pytest.mark.parametrize("data", [b"\xff", b"\x02abc", b"\x05", b"\x21\x00", b"\x14\x14", b""])
def test_what_is_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(CannotStore, match="no key"):
        key_of(data)


@pytest.mark.parametrize("kind", [int, str, bytes, date, uuid.UUID])
def test_a_table_of_one_type_takes_no_other(kind: type) -> None:
    with pytest.raises(CannotStore, match=f"expected {kind.__name__}"):
        KeyCodec(kind).encode(1.5)
