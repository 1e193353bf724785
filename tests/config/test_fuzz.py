"""Whatever the text: `load` gives a tree or tells mistakes, each in one line with its place."""

import contextlib
import re
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otpy.config import child_from_data, load
from otpy.errors import SpecError
from tests.config.test_good import EVERYTHING

LINE = re.compile(r"[^\n]*tree\.yaml:\d+:\d+: [^\n\r]+")

MARKS = [
    *list("[]{}:,-?&*!|>'\"%@`#<~=\t\n \x00\x85\u2028\ufeff"),
    *("<<: ", "&a ", "*a", "!!int ", "!!set ", "${", "${A:-", "---\n", "[" * 300, "1e999"),
    *("9" * 500, "0x" + "f" * 300, "2001-99-99", ".nan", "yes", "null", "1:2:3", "=", "\n- "),
]


def mistakes(data: bytes) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tree.yaml")
        path.write_bytes(data)
        try:
            load(path, check_imports=False)
        except SpecError as error:
            return error.mistakes or ("nothing told",)
    return ()


def check(data: bytes) -> None:
    assert [line for line in mistakes(data) if not LINE.fullmatch(line)] == []


@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    check(data)


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=20))
def test_text(parts: list[str]) -> None:
    check("".join(parts).encode("utf-8", "replace"))


places = st.integers(0, len(EVERYTHING))
edits = st.tuples(places, st.integers(0, 8), st.sampled_from(MARKS) | st.text(max_size=3))


@given(st.lists(edits, min_size=1, max_size=4))
def test_a_good_file_with_errors(changes: list[tuple[int, int, str]]) -> None:
    text = EVERYTHING
    for place, length, insert in changes:
        text = text[:place] + insert + text[place + length :]
    check(text.encode("utf-8", "replace"))


keys = st.sampled_from(
    [
        "id",
        "start",
        "command",
        "children",
        "args",
        "restart",
        "shutdown",
        "significant",
        "name",
        "strategy",
        "max_restarts",
        "max_seconds",
        "auto_shutdown",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars | st.sampled_from(["m:f", "5s", "permanent"]),
    lambda below: st.lists(below) | st.dictionaries(keys | st.text() | st.integers(), below),
)


@given(values | st.dictionaries(keys, values))
def test_data(data: object) -> None:
    with contextlib.suppress(SpecError):
        child_from_data(data)
