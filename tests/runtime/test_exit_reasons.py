"""What was raised as an exit reason, whatever it is made of (3.4)."""

import linecache
from typing import Any

import pytest

from otpy.core.exits import ExitReason, ExitStatus, Normal, Raised
from otpy.runtime.exit_reasons import raised, reworded


def caught(error: BaseException) -> ExitReason:
    with pytest.raises(type(error)) as how:
        raise error
    return raised(how.value)


def of(error: BaseException) -> Raised:
    reason = caught(error)
    assert isinstance(reason, Raised)
    return reason


class Mute(Exception):
    """Has no text."""

    def __init__(self, how: type[BaseException]) -> None:
        self.how = how

    def __str__(self) -> str:
        raise self.how("no text")


def bad_syntax() -> SyntaxError:
    """Make an error that the module traceback fails to show."""
    error = SyntaxError("not this")
    error.filename, error.lineno, error.offset = "x.py", 1, 1
    error.text = 5  # type: ignore[assignment]
    return error


@pytest.mark.parametrize("how", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_an_exception_without_a_text_is_told(how: type[BaseException]) -> None:
    reason = of(Mute(how))
    assert str(reason) == "error: Mute: its text cannot be told"
    assert "in caught" in reason.traceback


def test_an_exception_that_cannot_be_shown_is_told() -> None:
    reason = of(bad_syntax())
    assert str(reason) == "error: SyntaxError: not this (x.py, line 1)"
    assert "in caught" in reason.traceback
    assert reason.traceback.endswith("SyntaxError: not this (x.py, line 1)\n")


def test_a_cause_that_cannot_be_shown_is_left_out() -> None:
    error = ValueError("the reason")
    error.__cause__ = bad_syntax()
    reason = of(error)
    assert str(reason) == "error: ValueError: the reason"
    assert reason.traceback.endswith("ValueError: the reason\n")


def test_nothing_of_the_traceback_may_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(linecache, "getline", fails)
    monkeypatch.setattr(linecache, "checkcache", fails)
    monkeypatch.setattr(linecache, "getlines", fails)
    reason = of(ValueError("the reason"))
    assert str(reason) == "error: ValueError: the reason"
    assert reason.traceback.startswith("ValueError: the reason\n")


class Nameless(type):
    """Makes classes that have no name."""

    def __getattribute__(cls, name: str) -> Any:
        if name == "__name__":
            raise RuntimeError
        return super().__getattribute__(name)


class Untold(Exception, metaclass=Nameless):
    """Has no name."""


def test_an_exception_of_which_nothing_can_be_told_is_one_all_the_same() -> None:
    assert raised(Untold()) == Raised("an exception that cannot be told")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, Normal()),
        (0, Normal()),
        (False, Normal()),
        (256, Normal()),
        (3, ExitStatus(3)),
        (-1, ExitStatus(255)),
        (True, ExitStatus(1)),
        ("DATABASE_URL is not set", ExitStatus(1, "DATABASE_URL is not set")),
        (("a", 1), ExitStatus(1, "('a', 1)")),
    ],
)
def test_exits_are_read_as_python_does(code: Any, reason: ExitReason) -> None:
    assert caught(SystemExit(code)) == reason


def test_other_words_leave_the_kind() -> None:
    assert reworded(ExitStatus(1, "secret"), "exit: 1: ***", "") == ExitStatus(1, "***")
    assert reworded(ExitStatus(3), "***", "") == ExitStatus(3)
    assert reworded(Raised("E: secret", "t"), "error: ***", "u") == Raised("***", "u")
    assert reworded(Normal(), "***", "") == Normal()
