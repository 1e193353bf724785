"""From an exception to one line on stderr, and to the exit status."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from otpy import errors
from otpy.cli.show import show
from otpy.system.descriptor import Descriptor
from otpy.wire.safe_text import one_line

DONE: Final = 0
FAILED: Final = 1
WRONG: Final = 2
NOT_THERE: Final = 3
TIMED_OUT: Final = 4
INTERRUPTED: Final = 130

_ABOUT_A_FAILURE: Final = "`otpy why` shows more, `otpy start` begins anew"


class Failed(click.ClickException):
    """A command failed; `message` is the cause and what to do."""

    exit_code = FAILED


class NotThere(Failed):
    """There is no such node or process."""

    exit_code = NOT_THERE


class TimedOut(Failed):
    """What was waited for did not come in time."""

    exit_code = TIMED_OUT


@contextmanager
def not_there() -> Iterator[None]:
    """Let the exit status say that there is no such node or process."""
    try:
        yield
    except (errors.NodeNotFound, errors.NoProcess) as error:
        raise NotThere(otpy_line(error)) from None


def report(error: Exception) -> int:
    """Print on stderr what went wrong, and return the exit status."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case errors.SpecError():
            complain(*error.mistakes)
            return WRONG
        case click.ClickException():
            complain(f"otpy: {click_line(error)}")
            return error.exit_code
        case errors.OtpyError():
            complain(f"otpy: {otpy_line(error)}")
        case BrokenPipeError() if nobody_reads():  # `otpy events | head`: nothing to tell
            write_no_more()
        case OSError():
            complain(f"otpy: {os_line(error)}")
        case _:
            complain(f"otpy: this is a bug in otpy, please report it: {bug_line(error)}")
    return FAILED


def complain(*lines: str) -> None:
    """Write `lines` on stderr."""
    for line in lines:
        show(one_line(line), err=True)


def click_line(error: click.ClickException) -> str:
    """Return the mistake of a command line, and where its help is."""
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "otpy"
        return f"{message}{'' if message.endswith('?') else ';'} see `{command} --help`"
    return message


def otpy_line(error: errors.OtpyError) -> str:
    """Return the error of a node, a server or a supervisor, and what to do about it."""
    text = " ".join(str(error).split())
    match error:
        case errors.ProcessDown():
            return f"it ended before it answered: {text}; `otpy why` shows more"
        case errors.NoProcess() if "`otpy" not in text:
            has_failed = " has failed and stays down: " in text
            return f"{text}; {_ABOUT_A_FAILURE if has_failed else 'see `otpy tree`'}"
        case errors.Refused():
            return f"refused: {text}"
        case errors.StartFailed():
            return f"it failed to start: {text}"
        case errors.SupervisorError():
            return supervisor_line(error)
        case _:
            return text or type(error).__name__


def supervisor_line(error: errors.SupervisorError) -> str:
    """Return why a supervisor refused, in OTP's word and in ours."""
    advice = {
        "not_found": "it has no such child; see `otpy tree`",
        "running": "it runs; `otpy terminate` stops it, `otpy restart` starts it afresh",
        "restarting": "it is being restarted; try again, or stop it with `otpy terminate`",
        "already_started": "a child of that id runs already",
        "already_present": (
            "a stopped child of that id is there; start it again with `otpy start`, "
            "or remove it with `otpy delete`"
        ),
        "max_children": "it is full; `otpy terminate` makes room",
        "bad_combination": "these fields of the child do not go together",
    }
    text = f"{error}"
    return f"{text}: {advice[error.reason]}" if error.reason in advice else text


def os_line(error: OSError) -> str:
    """Name the file, if it is about one, and the reason."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def bug_line(error: Exception) -> str:
    """Name the exception and the line that raised it."""
    line = error.__traceback__
    while line is not None and line.tb_next is not None:
        line = line.tb_next
    place = f" at {line.tb_frame.f_code.co_filename}:{line.tb_lineno}" if line else ""
    return f"{type(error).__name__}: {error}{place}"


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
