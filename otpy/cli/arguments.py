"""Parse the words of a command line."""

import json
import math
import re
import signal
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SPAN: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)?")
_SPAN_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNIX_TIME: Final = re.compile(r"\d{10}(\.\d+)?")
_CLOCK: Final = re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?")
_DAYS: Final = {"today": 0, "yesterday": 1}
_MOST_INSTANCES: Final = 10_000
_NEGATIVE_NUMBER: Final = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def json_or_string(word: str) -> Any:
    """Read `word` as JSON where it is JSON, else as the string that it is."""
    try:
        return json.loads(word, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return word


def _not_json(word: str) -> NoReturn:
    # Python's parser knows NaN and Infinity, JSON does not: they stay strings.
    raise ValueError(word)


class WordsCommand(click.Command):
    """A command whose words may be negative numbers: ``otpy call counter increment -5``."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, but take ``-5`` for a word; refuse other unknown options."""
        options = args[: args.index("--")] if "--" in args else list(args)
        rest = super().parse_args(ctx, args)
        for word in ctx.params.get("words") or ():
            if (
                word[:1] == "-"
                and word != "-"
                and word in options
                and not _NEGATIVE_NUMBER.fullmatch(word)
            ):
                raise click.UsageError(
                    f"No such option {word!r} (to send it as a word, write -- before it)", ctx
                )
        return rest


class DurationType(click.ParamType[float | None]):
    """A time span above zero, in seconds or with its unit; None for ``infinity``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """Turn the word into seconds."""
        if value is None or value == "infinity":
            return None
        try:
            seconds = seconds_of(str(value))
        except ValueError:
            seconds = math.nan
        if 0 < seconds < math.inf:
            return seconds
        problem = f"{value!r} is no time span; expected 500ms, 1s, 2m or seconds above zero"
        return self.fail(problem, param, ctx)


def seconds_of(word: str) -> float:
    """Return the seconds of a time span, such as ``1.5``, ``500ms`` or ``2m``.

    Raises:
        ValueError: It is none.
    """
    span = _SPAN.fullmatch(word)
    return float(word) if span is None else float(span[1]) * _SPAN_S[span[2] or "s"]


class MomentType(click.ParamType[float]):
    """A moment of the past, as Unix time: a time span ago, a day, a local time, or Unix time."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Turn the word into Unix time."""
        if isinstance(value, float):
            return value
        word = str(value).strip()
        if _UNIX_TIME.fullmatch(word):
            return float(word)  # as in the events' JSON
        if _SPAN.fullmatch(word):
            return time.time() - seconds_of(word)
        if word in _DAYS:
            day = datetime.now().astimezone() - timedelta(days=_DAYS[word])
            return day.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        try:
            if _CLOCK.fullmatch(word):
                word = f"{datetime.now().astimezone():%Y-%m-%d}T{word}"
            return datetime.fromisoformat(word).timestamp()
        except (ValueError, OverflowError, OSError):
            problem = f"{value!r} is no time; expected 10m, 14:30 or 2026-01-31T14:30, for example"
            return self.fail(problem, param, ctx)


class InstancesType(click.ParamType[tuple[str, int]]):
    """The name of a child, and how many instances it is to have: ``web=3``."""

    name = "instances"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Split the word."""
        name, equals, count = str(value).rpartition("=")
        if not name or not equals or not count.isdecimal() or not 0 < int(count) <= _MOST_INSTANCES:
            problem = f"{value!r} is not NAME=N, with N from 1 to {_MOST_INSTANCES}"
            return self.fail(problem, param, ctx)
        return name, int(count)


class SignalType(click.ParamType[int]):
    """A signal by name, with or without SIG, or by number."""

    name = "signal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turn the word into a signal number."""
        if isinstance(value, int):
            return value
        word = str(value).upper().removeprefix("SIG")
        if word.isdecimal() and int(word) in signal.valid_signals():
            return int(word)
        if word in _SIGNALS:
            return _SIGNALS[word]
        return self.fail(
            f"{value!r} is no signal; expected a name as TERM or SIGTERM, or a number", param, ctx
        )

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> "list[CompletionItem]":
        """Complete the names, in the spelling that was begun."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - a shell asks, at Tab

        wanted = incomplete.upper()
        prefix = "SIG" if wanted.startswith("SIG") else ""
        return [CompletionItem(prefix + n) for n in _SIGNALS if (prefix + n).startswith(wanted)]


_SIGNALS: Final = {s.name.removeprefix("SIG"): int(s) for s in signal.Signals}


def signal_name(number: int) -> str:
    """Name a signal; real-time ones have none but their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
