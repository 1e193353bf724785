"""What the words of a command line mean."""

import signal
from typing import Any

import click
import pytest

from otpy.cli.arguments import DurationType, SignalType, json_or_string, signal_name


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("1.5e3", 1500.0),
        ("true", True),
        ("null", None),
        ('"5"', "5"),
        ('{"a":1}', {"a": 1}),
        ("[1, [2]]", [1, [2]]),
        ("increment", "increment"),
        ("", ""),
        ("{a: 1}", "{a: 1}"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[NaN]", "[NaN]"),
        ("0x10", "0x10"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_word_is_json_where_it_is_json_and_else_a_string(word: str, value: Any) -> None:
    assert json_or_string(word) == value


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("KILL", signal.SIGKILL),
        ("SIGTERM", signal.SIGTERM),
        ("sigusr1", signal.SIGUSR1),
        ("hup", signal.SIGHUP),
        ("9", signal.SIGKILL),
        ("40", 40),
    ],
)
def test_a_signal_is_a_name_with_or_without_sig_or_a_number(word: str, number: int) -> None:
    assert SignalType().convert(word, None, None) == number


@pytest.mark.parametrize("word", ["FOO", "0", "-9", "99", "SIG", "", "9.0", "²"])
def test_what_is_no_signal_is_refused(word: str) -> None:
    with pytest.raises(click.BadParameter, match="is no signal"):
        SignalType().convert(word, None, None)


def test_a_signal_without_a_name_is_told_by_number() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(40) == "signal 40"


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("5", 5.0), ("0.25", 0.25), ("infinity", None), ("500ms", 0.5), ("1.5s", 1.5), ("2m", 120.0)],
)
def test_a_timeout_is_a_time_span_or_infinity(word: str, seconds: float | None) -> None:
    assert DurationType().convert(word, None, None) == seconds


@pytest.mark.parametrize("word", ["0", "-1", "inf", "nan", "soon", "", "0ms", "5x", "1 s"])
def test_what_is_no_timeout_is_refused(word: str) -> None:
    with pytest.raises(click.BadParameter, match="seconds above zero"):
        DurationType().convert(word, None, None)
