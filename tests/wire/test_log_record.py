"""The lines of log files: what is written is read back, whatever it is; else it is no record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.wire.log_record import (
    LogRecord,
    head,
    parse_json,
    parse_line,
    parse_text,
    records,
    to_json,
    to_text,
)

MOMENT = 1_795_823_043.123
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=4,
)
NAMES = st.text() | st.sampled_from(["", "-", "a b", "%41", "|", "+", "=", "\x85", "time", "_time"])


def some_records(fields: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[LogRecord]:
    return st.builds(
        LogRecord,
        time=st.integers(0, 4_000_000_000_000).map(lambda milli: milli / 1000),
        path=NAMES.filter(lambda path: path != "/"),
        incarnation=st.integers(0, 2**40),
        stream=st.sampled_from(["out", "err", "log"]),
        text=st.text() | st.lists(NAMES).map("\n".join),
        level=NAMES,
        logger=NAMES,
        split=st.booleans(),
        fields=fields,
    )


@given(some_records(st.dictionaries(NAMES, JSON)))
def test_text_is_read_back(record: LogRecord) -> None:
    assert parse_text(to_text(record)) == record


@given(some_records(st.dictionaries(NAMES, JSON)))
def test_json_is_read_back(record: LogRecord) -> None:
    line = to_json(record)
    assert line.count(b"\n") == 1
    assert parse_json(line) == record
    found = parse_line(line)
    assert found is not None
    assert found.record == record


@given(st.lists(some_records(st.dictionaries(NAMES, JSON)), max_size=4))
def test_records_one_after_the_other_are_told_apart(several: list[LogRecord]) -> None:
    # Two of the same moment are two, since each begins with the mark of a beginning.
    lines = b"".join(map(to_text, several)).split(b"\n")[:-1]
    assert list(records(lines)) == several


@given(st.binary())
def test_what_is_no_record_is_given_as_it_is(line: bytes) -> None:
    assert parse_line(line) is None
    assert parse_text(line) is None
    assert list(records([line])) == [line]


@given(some_records(st.dictionaries(NAMES, JSON)), st.data())
def test_a_torn_line_is_no_exception(record: LogRecord, data: st.DataObject) -> None:
    for line in (to_text(record), to_json(record)):
        torn = line[: data.draw(st.integers(0, len(line)))]
        parse_line(torn)
        list(records(torn.split(b"\n")))


def test_a_line_is_read_with_the_eye() -> None:
    said = LogRecord(MOMENT, "shop/counter", 3, "out", "hello | x")
    assert to_text(said) == b"2026-11-27T23:44:03.123Z shop/counter.3 out | hello | x\n"
    failed = LogRecord(MOMENT, "", 1, "log", "it failed\nValueError", "ERROR", "shop.orders")
    assert to_text(failed) == (
        b"2026-11-27T23:44:03.123Z /.1 log ERROR shop.orders | it failed\n"
        b"2026-11-27T23:44:03.123Z /.1 log ERROR shop.orders + ValueError\n"
    )
    cut = LogRecord(MOMENT, "a", 3, "err", "lo", split=True, fields={"order": 7, "text": "other"})
    assert to_text(cut) == (
        b"2026-11-27T23:44:03.123Z a.3 err |> lo\n"
        b'2026-11-27T23:44:03.123Z a.3 err = {"order":7,"text":"other"}\n'
    )
    assert to_json(cut) == (
        b'{"time":"2026-11-27T23:44:03.123Z","path":"a","incarnation":3,"stream":"err",'
        b'"text":"lo","split":true,"order":7,"_text":"other"}\n'
    )


def test_the_head_begins_a_line() -> None:
    said = LogRecord(MOMENT, "a b", 3, "out", "x")
    assert head(MOMENT, "a b", 3, "out") + b" | x\n" == to_text(said)


def test_lone_surrogates_and_bytes_that_are_no_text_are_escaped() -> None:
    said = LogRecord(MOMENT, "a", 1, "log", "\udcff", "I\udcff", "x", fields={"f": ["\udcff"]})
    for found in (parse_text(to_text(said)), parse_json(to_json(said))):
        assert found is not None
        assert (found.text, found.level) == (r"\udcff", r"I\udcff")
        assert found.fields == {"f": [r"\udcff"]}
    raw = parse_line(head(MOMENT, "a", 1, "out") + b" | \xff")
    assert raw is not None
    assert raw.record.text == r"\xff"


@pytest.mark.parametrize(
    "line",
    [
        b"2026-02-30T23:44:03.123Z a.3 out | no such day",
        b"2026-11-27T23:44:03.123Z a.3 oops | no such stream",
        b"2026-11-27T23:44:03.123Z a out | no incarnation",
        b"2026-11-27T23:44:03.123Z \xff.3 out | no UTF-8",
        b"2026-11-27T23:44:03.123Z a%FF.3 out | no UTF-8",
        b"2026-11-27T23:44:03.123Z a.3 out |torn",
        b'2026-11-27T23:44:03.123Z a.3 out = {"torn',
        b"2026-11-27T23:44:03.123Z a.3 out = " + b"[" * 100_000,
        b'{"time":"2026-11-27T23:44:03.123Z","path":"a","incarnation":3,"stream":"out"}',
        b'{"time":7,"path":"a","incarnation":3,"stream":"out","text":""}',
        b'{"time":"today","path":"a","incarnation":3,"stream":"out","text":""}',
        b"{}",
        b"[]",
    ],
)
def test_what_only_looks_like_a_record(line: bytes) -> None:
    assert parse_line(line) is None
