"""Records of `logging` between the lines of stderr: read back as given, and nothing else is one."""

import itertools
import select

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.wire.inband import LARGEST_RECORD, MARK, Inband, lines_of
from otpy.wire.inband_reader import InbandReader
from otpy.wire.log_record import LogRecord
from tests.wire.test_log_record import JSON

AT = 1_700_000_000.5
LONG = "x" * 9000


def reader() -> InbandReader:
    return InbandReader("a", 3)


def read(data: bytes, reads: InbandReader | None = None) -> list[LogRecord]:
    reads = reads or reader()
    lines = data.split(b"\n")
    assert lines.pop() == b""
    return [*itertools.chain.from_iterable(reads.read(line, AT) for line in lines)]


def output(text: str) -> LogRecord:
    return LogRecord(AT, "a", 3, "err", text)


def record(text: str, *, split: bool = False) -> LogRecord:
    return LogRecord(AT, "a", 3, "log", text, "INFO", "shop", split)


def info(text: str) -> Inband:
    return Inband("INFO", "shop", text, AT)


@given(
    st.text(),
    st.text(),
    st.text() | st.text().map(lambda text: LONG + text),
    st.floats(0, 4e9),
    st.dictionaries(st.text(), JSON),
)
def test_what_is_handed_over_is_read_back(
    level: str, logger: str, text: str, at: float, fields: dict[str, object]
) -> None:
    lines = list(lines_of(Inband(level, logger, text, at, fields=fields)))
    assert all(len(line) <= select.PIPE_BUF and line.startswith(MARK) for line in lines)
    assert read(b"".join(lines)) == [
        LogRecord(at, "a", 3, "log", text, level, logger, fields=fields)
    ]


@given(st.binary())
def test_other_lines_are_output(line: bytes) -> None:
    for data in (line.replace(b"\n", b""), MARK + line.replace(b"\n", b"")):
        found = reader().read(data, AT)
        assert [each.stream for each in found] in (["err"], [])
    assert reader().read(b"plain", AT) == [output("plain")]


def test_what_was_printed_before_it_on_its_line_is_a_line() -> None:
    (line,) = lines_of(info("hello"))
    assert read(b"50 %\x1e" + line) == [output("50 %\x1e"), record("hello")]


def test_pieces_of_several_processes_and_what_they_print_come_in_any_order() -> None:
    one, other = (list(lines_of(info(LONG + name))) for name in ("one", "other"))
    assert len(one) == len(other) == 3
    data = one[0] + other[0] + b"printed\n" + other[1] + one[1] + other[2] + one[2]
    assert read(data) == [output("printed"), record(LONG + "other"), record(LONG + "one")]


def test_what_only_looks_like_a_record_is_output() -> None:
    for line in (
        b"{}",
        b"{",
        b"12.3+ x",
        b"12.3= {}",
        b"= {}",
        b'{"level":1,"logger":"","text":""}',
    ):
        assert read(MARK + line + b"\n") == [output((MARK + line).decode())], line


def test_a_record_that_does_not_become_whole_is_output() -> None:
    reads = reader()
    first, second, _ = lines_of(info(LONG))
    assert read(first + second, reads) == []
    assert reads.finish(AT) == [output(each.decode()[:-1]) for each in (first, second)]
    assert reads.finish(AT) == []


def test_pieces_that_are_no_record_together_are_output() -> None:
    lines = (b"\x1e1.1+ {", b"\x1e1.1= }x")
    assert read(b"\n".join(lines) + b"\n") == [output(each.decode()) for each in lines]


def test_pieces_do_not_fill_the_memory() -> None:
    reads, kept = reader(), 0
    for number in range(100):
        kept += 1 - len(reads.read(b"\x1e%d.0+ {" % number, AT))
    assert kept == 16
    given_up = [reads.read(b"\x1e7.0+ {" + b"x" * 60_000, AT) for _ in range(20)]
    assert sum(map(len, given_up)) >= 16
    assert sum(len(each.text) for each in reads.finish(AT)) <= LARGEST_RECORD


def test_a_long_text_is_several_records_that_are_marked() -> None:
    text = "ä\n" * 50_000
    found = read(b"".join(lines_of(info(text))))
    assert [each.split for each in found] == [True, True, True, False]
    assert "".join(each.text for each in found) == text


def test_a_field_without_a_form_in_json_is_its_repr() -> None:
    class Broken:
        def __repr__(self) -> str:
            return "<broken>"

    given_fields = {"a": Broken(), "b": {1: (2, None)}, "c": "\udcff", "d": [Broken()]}
    (found,) = read(b"".join(lines_of(Inband("I", "l", "\udcff", AT, fields=given_fields))))
    assert found.text == r"\udcff"
    assert found.fields == {
        "a": "<broken>",
        "b": {"1": [2, None]},
        "c": r"\udcff",
        "d": "[<broken>]",
    }


def test_fields_without_measure_are_left_out() -> None:
    (found,) = read(b"".join(lines_of(Inband("I", "l", "t", AT, fields={"a": "x" * 100_000}))))
    assert found.fields == {"left_out": "1 fields of 100008 bytes"}


@pytest.mark.parametrize("time", ["null", "-1", "1e300"])
def test_a_time_that_cannot_be_is_that_of_the_reading(time: str) -> None:
    line = f'\x1e{{"time":{time},"level":"INFO","logger":"shop","text":"x"}}\n'
    assert read(line.encode()) == [record("x")]
