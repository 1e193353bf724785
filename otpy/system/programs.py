"""Explain why a program cannot be executed, with the name of the file."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FIRST_BYTES: Final = 256
"""The kernel reads so much of a script's first line (execve(2))."""

_ELF: Final = b"\x7fELF"


class CannotExecute(OSError):
    """A program cannot be executed; the text names it, and the reason.

    Attributes:
        kind: Name of the class of what execve(2) raised.
    """

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


def cannot_execute(program: str, error: OSError) -> CannotExecute:
    """Return the error of a program, by its name or path, that execve(2) refused with `error`."""
    file = _found(program)
    why = _why(program, file, error)
    named = "" if file is None or str(file) == program else f" ({str(file)!r})"
    return CannotExecute(f"cannot execute {program!r}{named}: {why}", type(error).__name__)


def check_env(program: str) -> None:
    """Refuse a script whose interpreter env(1) would not find: env's own words name no script.

    Raises:
        CannotExecute: Its first line names such an interpreter.
    """
    file = _found(program)
    try:
        with open(file or "", "rb") as opened:  # noqa: PTH123  # "" is no file
            start = opened.read(_FIRST_BYTES)
    except OSError:
        return  # execve(2) knows why
    words = os.fsdecode(start.partition(b"\n")[0][2:]).strip(" \t").split(" ", 1)
    if start[:2] != b"#!" or len(words) < 2 or Path(words[0]).name != "env":
        return
    if (why := _why_not_found(words[1])) is not None:
        raise CannotExecute(f"cannot execute {program!r}: {why}", FileNotFoundError.__name__)


def _why_not_found(argument: str) -> str | None:
    words = argument.removeprefix("-S").split(" ")
    named = next((word for word in words if word and "=" not in word and word[0] != "-"), None)
    if named is None:
        return None
    file = _found(named)
    if file is not None and os.access(file, os.X_OK):
        return None
    if named.endswith("\r"):
        return f"its lines end with CR LF, so that its interpreter would be {named!r}"
    return f"its interpreter {named!r} is not in PATH"


def _found(program: str) -> Path | None:
    """Return the file that is meant: the first in PATH that may be executed, or that is there."""
    if "/" in program:
        return Path(program) if os.path.lexists(program) else None
    # Not `Path.is_file`, which raises where a directory of PATH may not be searched.
    found = [file for file in _in_path(program) if os.path.isfile(file)]  # noqa: PTH113
    return next((file for file in found if os.access(file, os.X_OK)), next(iter(found), None))


def _in_path(program: str) -> Iterator[Path]:
    return (Path(folder or ".", program) for folder in os.get_exec_path())


def _why(program: str, file: Path | None, error: OSError) -> str:
    if file is None:
        return _why_missing(program)
    try:
        return _why_file(file, error)
    except OSError:  # it may not be read, or has just been removed
        return _words(error)


def _why_missing(program: str) -> str:
    if "/" not in program:
        return "there is no such program in PATH"
    try:
        Path.cwd()
    except FileNotFoundError:
        if not program.startswith("/"):
            return "the working directory was removed"
    return "there is no such file"


def _why_file(file: Path, error: OSError) -> str:
    mode = file.stat().st_mode
    if stat.S_ISDIR(mode):
        return "it is a directory"
    if error.errno == errno.EACCES and not os.access(file, os.X_OK):
        return f"it is not executable for this user (its mode is {stat.S_IMODE(mode):04o})"
    with file.open("rb") as opened:
        start = opened.read(_FIRST_BYTES)
    if start.startswith(b"#!"):
        return _why_script(start[2:].partition(b"\n")[0], error)
    if error.errno == errno.ENOEXEC:
        return _why_no_program(start)
    if error.errno == errno.ENOENT and start.startswith(_ELF):
        return "the loader that it names does not exist: it was made for another system"
    return _words(error)


def _why_script(line: bytes, error: OSError) -> str:
    words = line.strip(b" \t").split(None, 1)
    if not words:
        return "its first line, '#!', names no interpreter"
    interpreter = os.fsdecode(line.strip(b" \t").split(b" ")[0])
    if interpreter.endswith("\r"):
        return f"its lines end with CR LF, so that its interpreter would be {interpreter!r}"
    if not os.path.lexists(interpreter):
        return f"its interpreter {interpreter!r} does not exist"
    return f"its interpreter {interpreter!r} cannot be executed: {_words(error)}"


def _why_no_program(start: bytes) -> str:
    if not start:
        return "it is empty"
    if start.startswith(_ELF):
        return "it is a program for another kind of machine"
    return "it has no '#!' line that names its interpreter, and is no program for this machine"


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
