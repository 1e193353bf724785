"""Text from anywhere, made safe for a terminal and for files of lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.wire.safe_text import (
    escaped,
    is_plain,
    json_text,
    one_line,
    output_line,
    output_lines,
    styled,
)

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
OBEYED = [*CONTROLS, "\u202e", "\u2066", "\u2028", "\u2029", "\ud800"]


def obeyed(text: str, allowed: str = "") -> set[str]:
    return {character for character in text if character in OBEYED} - set(allowed)


@given(st.text(st.one_of(st.characters(), st.sampled_from(OBEYED))))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not obeyed(one_line(text), "\t")
    assert not obeyed(escaped(text), "\t\n")
    assert not obeyed(output_line(text.encode(errors="surrogatepass")).decode(), "\t\x1b")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ümläuts and 👩‍🚀", "plain, with ümläuts and 👩‍🚀"),
        ("a\ttab", "a\ttab"),
        ("two\nlines", r"two\nlines"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u2028b\u202ec", r"a\u2028b\u202ec"),
        ("\x1b[31mred", r"\x1b[31mred"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_lines_stay_where_they_may() -> None:
    assert escaped("a\nb\r\x1b[m") == "a\nb\\r\\x1b[m"
    assert styled("a\n\x1b[1mb\x1b[2J") == "a\n\x1b[1mb\\x1b[2J"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\x1b[32mok\x1b[0m", b"\x1b[32mok\x1b[0m"),
        (b"\x1b[32mok", b"\x1b[32mok\x1b[0m"),
        (b"\x1b[38;5;9mx\x1b[m", b"\x1b[38;5;9mx\x1b[m"),
        (b"of a DOS\r", b"of a DOS"),
        (b"50%\r100%", rb"50%\r100%"),
        (b"\x1b[2Jgone", rb"\x1b[2Jgone"),
        (b"\x1b]0;title\x07", rb"\x1b]0;title\x07"),
        (b"not UTF-8: \xff", rb"not UTF-8: \xff"),
        ("\x85next".encode(), rb"\x85next"),
    ],
)
def test_a_program_keeps_its_colors_and_nothing_else(line: bytes, shown: bytes) -> None:
    assert output_line(line) == shown


@given(st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(CONTROLS))))
def test_json_means_the_same(text: str) -> None:
    document = json_text(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(document) == {"text": text}
    assert not obeyed(document)


def test_what_needs_no_filter_is_known_at_once() -> None:
    assert is_plain(b"a line\n\tand another\n")
    assert not is_plain(b"a\rb")
    assert not is_plain("ü".encode())


WORDS = [b"plain", b"\xc3\xa9", b"\xff", b"\t", b"\r", b"\x1b[31m", b"\x1b[0m", b"\x07", b"\n"]


@given(st.lists(st.sampled_from(WORDS)).map(b"".join))
def test_many_lines_are_shown_as_each_would_be(lines: bytes) -> None:
    """11.5: they are looked at together, since a child that floods writes thousands at once."""
    assert output_lines(lines) == b"\n".join(map(output_line, lines.split(b"\n")))
