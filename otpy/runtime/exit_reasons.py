"""Make exit reasons from `Stop` and from exceptions."""

import traceback
from pathlib import Path
from types import TracebackType

from otpy.core.exits import ExitReason, ExitStatus, Normal, Raised, Shutdown, Stopped
from otpy.system.programs import CannotExecute
from otpy.wire.codec import printable
from otpy.wire.safe_repr import REASON_CHARS

_TRACEBACK_CHARS = 50_000


def exit_reason(reason: object) -> ExitReason:
    """Read the reason of a ``Stop(reason)``."""
    match reason:
        case "normal":
            return Normal()
        case "shutdown":
            return Shutdown()
        case ("shutdown", detail):
            return Shutdown(printable(detail, REASON_CHARS))
        case _:
            return Stopped(printable(reason, REASON_CHARS))


def raised(error: BaseException) -> ExitReason:
    """Return the exit reason of an exception that was not caught; never raises."""
    try:
        return _reason(error)
    except BaseException:  # noqa: BLE001  # its class is the user's as well
        return Raised("an exception that cannot be told")


def _reason(error: BaseException) -> ExitReason:
    if issubclass(type(error), SystemExit):
        return _exited(error)
    if type(error).__name__ == "CannotEnter":  # not by its class, which few workers import
        return Raised(printable(error, REASON_CHARS))
    if isinstance(error, CannotExecute):  # a file of the user's is at fault, no code
        return Raised(f"{error.kind}: {printable(error, REASON_CHARS)}")
    name, text = type(error).__name__, printable(error, REASON_CHARS)
    said = f"{name}: {text}" if text else name
    trace = _formatted(error) or f"{said}\n(its traceback cannot be told)\n"
    return Raised(said, printable(trace, _TRACEBACK_CHARS))


def _exited(error: BaseException) -> ExitReason:
    """Read ``sys.exit(code)`` as Python does: with a text, which is shown, the status is 1."""
    code = getattr(error, "code", None)
    if code is None or isinstance(code, int):
        status = int(code or 0) & 0xFF
        return ExitStatus(status) if status else Normal()
    return ExitStatus(1, printable(code, REASON_CHARS))


def _formatted(error: BaseException) -> str:
    # What an exception is made of is the user's, and may raise while it is shown.
    trace = _users_part(error.__traceback__)
    for chain in (True, False):
        try:
            lines = traceback.format_exception(type(error), error, trace, chain=chain)
            return "".join(lines)
        except BaseException:  # noqa: BLE001, S112  # less of it may do
            continue
    try:
        said = f"{type(error).__name__}: {printable(error, REASON_CHARS)}\n"
        return "".join(["Traceback (most recent call last):\n", *traceback.format_tb(trace), said])
    except BaseException:  # noqa: BLE001  # a module's loader, which gives the source, may fail, too
        return ""


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of this package that every traceback would begin with."""
    here = str(Path(__file__).parent)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(here):
        trace = trace.tb_next
    return trace


def reworded(reason: ExitReason, text: object, trace: object) -> ExitReason:
    """Return `reason` in other words; it stays of its kind, since supervisors decide by that."""
    said = printable(text, REASON_CHARS)
    match reason:
        case Raised():
            return Raised(said.removeprefix("error: "), printable(trace, _TRACEBACK_CHARS))
        case Stopped():
            return Stopped(said)
        case Shutdown(detail=detail) if detail:
            return Shutdown(said.removeprefix("shutdown").removeprefix(": "))
        case ExitStatus(code=code, detail=detail) if detail:
            return ExitStatus(code, said.removeprefix(f"exit: {code}").removeprefix(": "))
        case _:
            return reason
