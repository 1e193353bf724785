"""From an exception to what the user reads, and to the exit status: the one table of both."""

import os
import re
import select
import sys
from typing import Final, NamedTuple

import click

from otpy import errors
from otpy.system.descriptor import Descriptor
from otpy.wire.safe_text import one_line

DONE: Final = 0
FAILED: Final = 1
WRONG: Final = 2
NOT_THERE: Final = 3
TIMED_OUT: Final = 4
INTERRUPTED: Final = 130

MEANINGS: Final = {
    DONE: "done, or so already",
    FAILED: "it failed",
    WRONG: "the command line or the file is wrong",
    NOT_THERE: "there is no such node or process",
    TIMED_OUT: "it was not done in time",
    INTERRUPTED: "interrupted by Ctrl-C",
}
"""Every exit status of a command, as `otpy --help` and the documentation have it."""

EXIT_STATUSES: Final[dict[type[BaseException], int]] = {
    errors.NodeNotFound: NOT_THERE,
    errors.NoProcess: NOT_THERE,
    errors.CallTimeout: TIMED_OUT,
    errors.SpecError: WRONG,
    click.UsageError: WRONG,
    KeyboardInterrupt: INTERRUPTED,
    click.Abort: INTERRUPTED,
    Exception: FAILED,
}
"""The exit status of each exception: the first entry that it is an instance of.

A `Failed` of a command's own has its status in itself.
"""

_PLACE: Final = re.compile(r"(.*?):(\d+):(\d+): (.*)", re.DOTALL)
_UNREAD: Final = re.compile(r"(.*?): (cannot be read: .*)", re.DOTALL)
_ABOUT_A_FAILURE: Final = "`otpy why` shows more, `otpy start` begins anew"


class Failed(click.ClickException):
    """A command failed.

    Args:
        message: What went wrong.
        hint: What to do about it; empty for nothing.
        kind: One word for programs; by default `kind` of the class.
    """

    exit_code = FAILED
    kind = "failed"

    def __init__(self, message: str, hint: str = "", *, kind: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind or self.kind


class NotThere(Failed):
    """There is no such node or process."""

    exit_code = NOT_THERE
    kind = "NoProcess"


class TimedOut(Failed):
    """What was waited for did not come in time."""

    exit_code = TIMED_OUT
    kind = "CallTimeout"


class NotRunning(Failed):
    """The process is in the tree, but does not run."""

    kind = "not_running"


class WrongFile(Failed):
    """A file is not what it has to be."""

    exit_code = WRONG
    kind = "file"


class Problem(NamedTuple):
    """What the user is told of an exception.

    Attributes:
        kind: For programs: the name of the class in `otpy.errors`, ``usage`` for a wrong command
            line, ``file`` for a wrong file, ``interrupted``, ``os`` for an error of the operating
            system, ``bug`` for one of otpy, or a word of the command's own such as ``failed``.
        message: What went wrong, on one line.
        hint: What to do about it; empty for nothing.
        status: The exit status.
        mistakes: Of a tree's file: a line for each.
    """

    kind: str
    message: str
    hint: str
    status: int
    mistakes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The line for people: the message and the hint."""
        if not self.hint:
            return self.message
        return f"{self.message}{'' if self.message[-1:] in '.?' else ';'} {self.hint}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What is written on stderr."""
        return self.mistakes or (f"otpy: {self.line}",)

    @property
    def data(self) -> dict[str, object]:
        """The ``error`` of the JSON object."""
        error: dict[str, object] = {
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint or None,
        }
        return error | ({"mistakes": list(map(placed, self.mistakes))} if self.mistakes else {})


def placed(mistake: str) -> dict[str, str | int | None]:
    """Split the line of a mistake in a file: ``file:line:column: message``."""
    place = _PLACE.fullmatch(mistake)
    if place is None and (unread := _UNREAD.fullmatch(mistake)) is not None:
        return {"file": unread[1], "line": 1, "column": 1, "message": unread[2]}
    if place is None:  # it is not in a file
        return {"file": None, "line": None, "column": None, "message": mistake}
    file, line, column, message = place.groups()
    return {"file": file, "line": int(line), "column": int(column), "message": message}


def problem_of(error: BaseException) -> Problem:
    """Return what the user is told of an exception."""
    status = next(value for kind, value in EXIT_STATUSES.items() if isinstance(error, kind))
    match error:
        case errors.SpecError():
            told = Problem("SpecError", "; ".join(error.mistakes), "", status, error.mistakes)
        case Failed():
            message = _on_one_line(error.format_message())
            told = Problem(error.kind, message, error.hint, error.exit_code)
        case click.UsageError():
            told = Problem("usage", *_usage(error), status)
        case click.ClickException():
            told = Problem("failed", _on_one_line(error.format_message()), "", error.exit_code)
        case errors.OtpyError():
            told = Problem(type(error).__name__, *_of_otpy(error), status)
        case KeyboardInterrupt() | click.Abort():
            told = Problem("interrupted", "interrupted", "", status)
        case OSError():
            told = Problem("os", os_line(error), "", status)
        case _:
            text = f"this is a bug in otpy, please report it: {bug_line(error)}"
            told = Problem("bug", text, "", status)
    return told


def _on_one_line(text: str) -> str:
    return one_line(" ".join(text.split()))


def _usage(error: click.UsageError) -> tuple[str, str]:
    """Return the mistake of a command line, and what may have been meant or where its help is."""
    command = error.ctx.command_path if error.ctx else "otpy"
    text = _on_one_line(error.format_message())
    message, mark, more = text.partition(". ") if "Did you mean" in text else (text, "", "")
    meant = f"{more.strip('()')} " if more else ""
    return message.rstrip(".") + mark.strip(), f"{meant}see `{command} --help`"


def _of_otpy(error: errors.OtpyError) -> tuple[str, str]:
    """Return the error of a node, a server or a supervisor, and what to do about it."""
    text = _on_one_line(str(error)) or type(error).__name__
    told = text, ""
    match error:
        case errors.ProcessDown():
            told = f"it ended before it answered: {text}", "`otpy why` shows more"
        case errors.NoProcess() if "`otpy" not in text:
            has_failed = " has failed and stays down: " in text
            told = text, _ABOUT_A_FAILURE if has_failed else "see `otpy tree`"
        case errors.NoProcess() | errors.NodeNotFound() | errors.NodeAlreadyRunning():
            message, _, hint = text.partition("; ")
            told = message, hint
        case errors.Refused():
            told = f"refused: {text}", ""
        case errors.StartFailed():
            told = f"it failed to start: {text}", ""
        case errors.SupervisorError():
            told = _of_supervisor(error, text)
    return told


def _of_supervisor(error: errors.SupervisorError, text: str) -> tuple[str, str]:
    """Return why a supervisor refused, in OTP's word and in ours."""
    meaning = {
        "not_found": ("it has no such child", "see `otpy tree`"),
        "running": ("it runs", "`otpy stop` stops it, `otpy restart` starts it afresh"),
        "restarting": ("it is being restarted", "try again, or stop it with `otpy stop`"),
        "already_started": ("a child of that id runs already", ""),
        "already_present": (
            "a stopped child of that id is there",
            "start it again with `otpy start`, or remove it with `otpy delete`",
        ),
        "max_children": ("it is full", "`otpy stop` makes room"),
        "bad_combination": ("these fields of the child do not go together", ""),
    }
    if error.reason not in meaning:
        return text, ""
    message, hint = meaning[error.reason]
    return f"{text}: {message}", hint


def os_line(error: OSError) -> str:
    """Name the file, if it is about one, and the reason."""
    reason = error.strerror or str(error) or type(error).__name__
    return _on_one_line(f"{error.filename}: {reason}" if error.filename else reason)


def bug_line(error: BaseException) -> str:
    """Name the exception and the line that raised it."""
    line = error.__traceback__
    while line is not None and line.tb_next is not None:
        line = line.tb_next
    place = f" at {line.tb_frame.f_code.co_filename}:{line.tb_lineno}" if line else ""
    return _on_one_line(f"{type(error).__name__}: {error}{place}")


def nobody_reads() -> bool:
    """Return whether stdout is a pipe whose reader has gone."""
    stdout = select.poll()
    try:
        stdout.register(sys.stdout.fileno(), 0)
    except OSError:
        return False
    return bool(stdout.poll(0))


def write_no_more() -> None:
    """Ignore errors of the interpreter's last flush of stdout."""
    with Descriptor(os.open(os.devnull, os.O_WRONLY)) as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
