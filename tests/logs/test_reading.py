"""Records are read whole, wherever the pieces of a file end, forward and from the end."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otpy.logs.grep import Literal
from otpy.logs.reading import Entry, backward, entries, forward
from otpy.logs.selection import Selection, is_of
from otpy.logs.sources import Part, Source, parts_of
from otpy.wire.log_record import LogRecord, to_json, to_text
from tests.logs.writing import logged, record

Write = Callable[[bytes], Part]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    file = tmp_path_factory.mktemp("logs") / "a.log"

    def written(data: bytes) -> Part:
        file.write_bytes(data)
        (part,) = parts_of(Source(file, None))
        return part

    return written


def lines_of(records: list[tuple[LogRecord, bool]]) -> Iterator[bytes]:
    for each, as_json in records:
        yield to_json(each) if as_json else to_text(each)


TEXTS = st.lists(
    st.sampled_from(["", "x", "ValueError: no", " + a", "| b"]), min_size=1, max_size=4
)
RECORDS = st.lists(
    st.tuples(
        st.builds(
            logged,
            st.sampled_from(["a", "b/c"]),
            st.integers(0, 3),
            TEXTS.map("\n".join),
            st.sampled_from(["INFO", "ERROR"]),
        ),
        st.booleans(),
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS, st.integers(100, 500))
def test_pieces_are_whole_records(
    write: Write, records: list[tuple[LogRecord, bool]], size: int
) -> None:
    whole = list(lines_of(records))
    part = write(b"".join(whole))
    one = [each.lines for piece in forward(part, piece=size) for each in entries(piece)]
    other = [list(entries(piece)) for piece in backward(part, piece=size)]
    assert one == whole
    assert [each.lines for piece in reversed(other) for each in piece] == whole
    assert [each.record for each in entries(b"".join(whole))] == [each for each, _ in records]


@given(st.binary(max_size=300), st.integers(1, 100))
def test_other_bytes_are_read_as_they_are(write: Write, data: bytes, size: int) -> None:
    part = write(data)
    assert b"".join(forward(part, piece=size)) == data
    assert b"".join(reversed(list(backward(part, piece=size)))) == data
    found = b"".join(each.lines for each in entries(data))
    assert found == (data if data.endswith(b"\n") or not data else data + b"\n")


def test_a_line_that_is_no_record_has_the_time_of_the_one_before() -> None:
    first, second = to_text(record("a", 0, "x")), to_json(record("a", 1, "y"))
    found = list(entries(b"before\n" + first + b"torn\n" + second + b"{}\n"))
    keys = [each.key[17:19] for each in found]
    assert keys == [b"", b"03", b"03", b"04", b"04"]
    assert [each.record is None for each in found] == [True, False, True, False, True]


def test_a_long_line_does_not_fill_the_memory(write: Write) -> None:
    part = write(b"x" * 1000)
    assert max(map(len, forward(part, piece=10))) <= 100
    assert max(map(len, backward(part, piece=10))) <= 100


PATTERNS = [
    *(
        "ValueError",
        "^ValueError",
        "no$",
        "Val.*no",
        "ERROR",
        "shop.orders",
        "(?i)VALUEerror",
        "(?i)\u0131nfo",
        "(?i)shop\\.orders",
        "x|y",
    ),
    *(
        "",
        r"\|",
        r"\+ a",
        "[|] b",
        r"a\Z",
        "x\nValueError",
        "orders: ",
        "INFO shop",
        "q",
        r"Error: \w",
    ),
]


@given(RECORDS, st.sampled_from(PATTERNS))
def test_a_search_finds_what_a_look_at_each_record_finds(
    records: list[tuple[LogRecord, bool]], pattern: str
) -> None:
    grep = re.compile(pattern)
    found = Selection(grep=grep).filter_of(Source(Path("a"), None))(b"".join(lines_of(records)))
    assert [each.record for each in found] == [
        each
        for each, _ in records
        if grep.search(each.text) or grep.search(each.level) or grep.search(each.logger)
    ]


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("refused", b"refused"),
        ("order [0-9]+ refused", b"refused"),
        (r"^id=\d+;", b"id="),
        ("a|b", b""),
        ("(?i)reFused", b"refu"),
        ("(?i)kiss", b""),
        ("(?x) re fused", b"refused"),
        ("x*", b""),
        ("größer", b"gr"),
        ('"', b""),
    ],
)
def test_what_is_searched_for_first(pattern: str, literal: bytes) -> None:
    assert Literal(re.compile(pattern)).text == literal


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("shop/counter", ["shop", "counter", "shop/counter", "shop/*", "*", "*/count?r"]),
        ("", ["root", "*"]),
        ("@node", ["@node", "@*"]),
        ("a[1]", ["a[1]"]),
    ],
)
def test_the_names_of_a_process(path: str, names: list[str]) -> None:
    assert [name for name in names if not is_of(path, name)] == []
    assert not any(is_of(path, name) for name in ("other", "shop/count", "ount", "x*", "r/c"))


def test_the_filter_keeps_what_is_no_record_unless_something_is_asked_of_it() -> None:
    data = to_text(record("a", 0, "x")) + b"torn\n"
    source = Source(Path("a"), frozenset({"a"}))

    def found(selection: Selection) -> list[Entry]:
        return list(selection.filter_of(source)(data))

    assert len(found(Selection())) == len(found(Selection(("a",)))) == 2
    assert len(found(Selection(("b",)))) == 0
    assert [each.lines for each in found(Selection(grep=re.compile("torn")))] == [b"torn\n"]
