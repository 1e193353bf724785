"""Results as text."""

import math

import pytest

from otpy.cli.render import (
    Column,
    counted,
    duration,
    or_dash,
    plain,
    record,
    size,
    table,
    to_json,
)
from otpy.cli.tree import branches


def test_a_table_is_aligned_and_has_no_blanks_at_the_ends() -> None:
    columns = (Column("NAME"), Column("PID", right=True), Column("LAST EXIT"))
    drawn = table(columns, [("counter", "7", "-"), ("a", "12345", "killed")])
    assert drawn.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines() == [
        "NAME       PID  LAST EXIT",
        "counter      7  -",
        "a        12345  killed",
    ]


def test_a_record_has_a_line_a_field() -> None:
    assert record({"pid": "7", "uptime": "3s"}) == "pid     7\nuptime  3s"


def test_the_tree_is_drawn_with_lines() -> None:
    paths = ["@gateway", "@logger", "", "a", "a/b", "a/b/c", "a/d", "e", "e/f"]
    assert list(branches(paths)) == [
        "├─ @gateway",
        "├─ @logger",
        "└─ root",
        "   ├─ a",
        "   │  ├─ b",
        "   │  │  └─ c",
        "   │  └─ d",
        "   └─ e",
        "      └─ f",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (192, "3m12s"), (3600, "1h0m"), (90061, "1d1h"), (-1, "0s")],
)
def test_a_time_span_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (3 << 20, "3.0 MiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("as it is", "as it is"),
        (5, "5"),
        (None, "null"),
        (True, "true"),
        ([1, {"a": "é"}], '[1, {"a": "é"}]'),
        (b"abc", '"YWJj"'),
        ({1: 2}, '{"1": 2}'),
        (math.inf, "null"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
    ],
)
def test_a_reply_is_printed_plainly(reply: object, text: str) -> None:
    assert plain(reply) == text


def test_json_of_a_string_is_quoted() -> None:
    assert to_json("as it is") == '"as it is"'


def test_small_words() -> None:
    assert or_dash(None) == "-"
    assert or_dash(0) == "0"
    assert counted(1, "worker") == "1 worker"
    assert counted(0, "worker") == "0 workers"
