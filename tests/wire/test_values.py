"""Values of the user's: each arrives as what it was, or is refused; nothing changes (4.5, 4.13)."""

import array
import collections
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest

from otpy.errors import FrameTooLarge, NotSendable, ProtocolError
from otpy.links.protocol import ClientProtocol, Failure, Reply
from otpy.wire import link
from otpy.wire.codec import pack_frame, pack_request, pack_requests, pack_value, unpack
from otpy.wire.frames import HEADER, frame
from otpy.wire.keys import key_bytes
from otpy.wire.unreadable_values import head_of

BERLIN: Final[tzinfo] = (
    ZoneInfo("Europe/Berlin")
    if "Europe/Berlin" in available_timezones()
    else timezone(timedelta(hours=1))  # a machine without the database of time zones
)
EAST: Final = timezone(timedelta(hours=5, minutes=30), "Kolkata")

CARRIED: Final[list[Any]] = [
    None,
    True,
    0,
    -(2**63),
    2**64 - 1,
    1.5,
    -0.0,
    math.inf,
    "é\0",
    b"\xff",
    [],
    [1, [2, {"a": None}]],
    {},
    {"a": {1: {None: {1.5: {True: {b"x": 0}}}}}},
    (),
    (1, (2, [3, (4,)])),
    [(1, 2)],
    {"a": (1,)},
    {1, 2},
    set(),
    frozenset({"a"}),
    {frozenset({(1, 2)})},
    {(1, "a"): {"b": {3}}},
    {frozenset({1}): (2,)},
    {date(2024, 2, 29): [Decimal(1)]},
    bytearray(b"\0x"),
    [bytearray(b"")],
    1j,
    complex(1.5, -math.inf),
    datetime(2024, 2, 29, 12, 30),  # noqa: DTZ001
    datetime(2024, 2, 29, 12, 30, 1, 999_999, UTC),
    datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
    datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
    datetime(1, 1, 1, tzinfo=EAST),
    datetime.max,  # noqa: DTZ901
    date.min,
    time(23, 59, 59, 999_999),
    time(1, tzinfo=EAST),
    timedelta.max,
    timedelta.min,
    timedelta(microseconds=-1),
    Decimal("1.10"),
    Decimal("-0E+7"),
    Decimal("Infinity"),
    UUID(int=2**127 + 5),
]


class Color(enum.Enum):
    RED = 1


class Size(enum.IntEnum):
    LARGE = 1


class Word(enum.StrEnum):
    YES = "yes"


class Pair(NamedTuple):
    left: int
    right: int


@dataclass(frozen=True)
class Point:
    x: int


class Record(msgspec.Struct, frozen=True):
    x: int


class Text(str):
    __slots__ = ()


class Moment(datetime):
    pass


class Nowhere(tzinfo):
    def utcoffset(self, _when: datetime | None) -> timedelta:
        return timedelta(0)

    def dst(self, _when: datetime | None) -> None:
        return None

    def tzname(self, _when: datetime | None) -> None:
        return None


REFUSED: Final[list[tuple[Any, str]]] = [
    (object(), "object"),
    (Color.RED, "Color is unsupported; send its value"),
    (Size.LARGE, "Size is unsupported; send its value"),
    (Word.YES, "Word is unsupported; send its value"),
    (Pair(1, 2), "Pair is unsupported; send tuple of it"),
    (Point(1), "Point is unsupported; send dataclasses.asdict"),
    (Record(1), "Record is unsupported; send msgspec.structs.asdict"),
    (Text("a"), "Text is unsupported; send str of it"),
    (collections.OrderedDict(a=1), "OrderedDict is unsupported; send dict of it"),
    (collections.defaultdict(int), "defaultdict"),
    (collections.Counter("a"), "Counter"),
    (collections.deque([1]), "deque"),
    (memoryview(b"x"), "memoryview is unsupported; send bytes of it"),
    (array.array("i", [1]), "array"),
    (range(3), "range"),
    (Path("x"), "Path"),
    (ValueError("x"), "ValueError"),
    (Moment(2024, 1, 1), "Moment"),
    (datetime(2024, 1, 1, tzinfo=Nowhere()), "Nowhere"),
    (len, "builtin_function_or_method"),
    (2**64, "ints"),
    (-(2**63) - 1, "ints"),
    ("\ud800", "surrogates"),
]

WITHIN: Final[dict[str, Callable[[Any], Any]]] = {
    "itself": lambda value: value,
    "in a list": lambda value: [1, value],
    "in a tuple": lambda value: (value, 1),
    "in a mapping": lambda value: {"a": value},
    "deep": lambda value: {"a": [{"b": [value]}]},
    "below another key": lambda value: {1: {(1,): value}},
}


@pytest.mark.parametrize("value", CARRIED)
@pytest.mark.parametrize("place", WITHIN)
def test_a_value_arrives_as_what_it_was(value: Any, place: str) -> None:
    sent = WITHIN[place](value)
    assert repr(unpack(pack_value(sent))) == repr(sent)


@pytest.mark.parametrize(("value", "text"), REFUSED)
@pytest.mark.parametrize("place", WITHIN)
def test_a_value_is_refused_by_its_type(value: Any, text: str, place: str) -> None:
    with pytest.raises(NotSendable, match=text):
        pack_value(WITHIN[place](value))


@pytest.mark.parametrize("key", [Color.RED, Size.LARGE, Word.YES, Pair(1, 2), Point(1), Text("a")])
def test_a_key_of_a_mapping_is_refused_by_its_type(key: Any) -> None:
    for value in ({key: 1}, [{"a": {key: 1}}], {(key,): 1}):
        with pytest.raises(NotSendable, match=type(key).__name__):
            pack_value(value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda v: [v],
        lambda v: (v,),
        lambda v: {"a": v},
        lambda v: {(1,): v},
        lambda v: [{"a": (v,)}],
    ],
)
def test_what_is_nested_too_deep_is_refused_and_what_is_not_arrives(
    wrap: Callable[[Any], Any],
) -> None:
    value: Any = 0
    for _ in range(60):
        value = wrap(value)
    assert unpack(pack_value(value)) == value
    for _ in range(930):
        value = wrap(value)
    with pytest.raises(NotSendable, match="nested over 200 deep"):
        pack_value(value)


@pytest.mark.parametrize("request_", ["a", ("a",), ("a", 1), ["a", (1, 2)], ("a", [1], {2})])
def test_a_request_is_an_array_and_what_it_holds_is_as_it_was(request_: Any) -> None:
    _, told = msgspec.msgpack.decode(pack_request((1, request_))[HEADER.size :], type=list[Any])
    if isinstance(request_, str):
        assert told == request_
        return
    assert isinstance(told, list)
    sent = unpack(pack_request((1, request_))[HEADER.size :])
    assert isinstance(sent, list)
    assert sent[1] == list(request_)


@pytest.mark.parametrize(
    "bad", [Color.RED, Point(1), Pair(1, 2), ("a", Color.RED), ["a", [Point(1)]]]
)
def test_a_request_is_refused_by_what_it_holds(bad: Any) -> None:
    with pytest.raises(NotSendable, match="unsupported"):
        pack_request((1, bad))
    with pytest.raises(NotSendable, match="unsupported"):
        pack_requests(2, ["a", bad])
    with pytest.raises(NotSendable, match="unsupported"):
        pack_frame((1, bad))


def test_a_request_that_is_too_large() -> None:
    with pytest.raises(FrameTooLarge):
        pack_request((1, ("a", {1})), 8)


# --- what cannot be read ------------------------------------------------------------------------

UNREADABLE: Final[dict[str, bytes]] = {
    "a mapping for a key": b"\x81\x81\x01\x02\x03",
    "no UTF-8": b"\xa2\xff\xff",
    "too deep": b"\x91" * 100_000 + b"\xc0",  # for each Python's limit of C's recursion
    "an extension type of somebody else's": b"\xd4\x63\x00",
    "what is no content of one": b"\xc7\x01\x01\xc1",
    "no date": b"\xc7\x02\x08\xa1x",
    "a set of lists": b"\xc7\x02\x02\x91\x90",
    "half a mapping": b"\xc7\x02\x04\x91\x01",
    "a time zone that is none": b"\xc7\x0e\x07\x93\xaa0001-01-01\x00\xa1",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_answer_that_cannot_be_read_fails_alone(name: str) -> None:
    protocol = ClientProtocol()
    stream = frame(b"\x93\x01\xcd\x01\x00" + UNREADABLE[name]) + frame(b"\x93\x01\x02\x03")
    first, second = protocol.receive(stream)
    assert isinstance(first, Failure)
    assert (first.number, first.error) == (256, "NotSendable")
    assert "cannot read it" in first.arguments[0]
    assert second == Reply(2, 3)
    alone = ClientProtocol().sole_answer(frame(b"\x93\x01\x05" + UNREADABLE[name]))
    assert isinstance(alone, Failure)
    assert alone.number == 5


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93", b"\x93\x01\x02", b"\x93\x01\x02\x03\x04"])
def test_what_is_no_answer_ends_the_link(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        ClientProtocol().receive(frame(body))


def test_the_head_of_what_is_deep() -> None:
    deep = UNREADABLE["too deep"]
    heads = [
        head_of(beginning + deep, {link.CALL: 3}, {link.CAST: 2})
        for beginning in (b"\x93\x00\x07", b"\x93\x00\xcc\xff", b"\x92\x01", b"\x94\x00", b"")
    ]
    assert [head and (head.kind, head.number) for head in heads] == [
        (link.CALL, 7),
        (link.CALL, 255),
        (link.CAST, 0),
        None,
        None,
    ]


# --- keys ---------------------------------------------------------------------------------------

EQUAL: Final[list[tuple[Any, Any]]] = [
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": {"x": 1, "y": [{"p": 1, "q": 2}]}}, {"a": {"y": [{"q": 2, "p": 1}], "x": 1}}),
    ({1: "a", "b": 2, None: 3}, {None: 3, "b": 2, 1: "a"}),
    ({(1, 2): 3, 4: 5}, {4: 5, (1, 2): 3}),
    ([{"a": 1, "b": 2}], ({"b": 2, "a": 1},)),
    ({3, 1, 2}, frozenset({1, 2, 3})),
    (1, 1.0),
    (True, 1),
    ({"n": 1}, {"n": 1.0}),
    (2**70, 2**70),
    (datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 1, 1, 13, tzinfo=BERLIN)),
]

DIFFERENT: Final[list[Any]] = [
    None,
    0,
    1,
    "1",
    b"1",
    1.5,
    2**70,
    -(2**70),
    [],
    {},
    set(),
    [1, 2],
    {1, 2},
    {1: 2},
    [[1, 2]],
    "list",
    ["list", 1, 2],
    ["mapping"],
    date(2024, 1, 1),
    "2024-01-01",
    datetime(2024, 1, 1),  # noqa: DTZ001
    datetime(2024, 1, 1, tzinfo=UTC),
    Decimal("1.5"),
]


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_equal_keys_are_the_same_bytes(left: Any, right: Any) -> None:
    """4.17."""
    assert key_bytes(left) == key_bytes(right)


def test_different_keys_are_different_bytes() -> None:
    assert len(set(map(key_bytes, DIFFERENT))) == len(DIFFERENT)


@pytest.mark.parametrize("key", [object(), Color.RED, {"a": [Point(1)]}, "\ud800"])
def test_a_key_that_cannot_be_sent(key: Any) -> None:
    with pytest.raises(NotSendable):
        key_bytes(key)
