"""A mark that every process below a node carries, and that others can read: in its environment.

What is exec'ed has it among its variables. What is only forked shows, in /proc/PID/environ, the
memory where the kernel put the environment of the last exec: so the mark is written there.
Neither asks for an open descriptor, and a variable that is removed stays readable there.
"""

import os
from collections.abc import Mapping
from ctypes import CDLL, addressof, c_char, c_void_p
from pathlib import Path
from typing import Final

VARIABLE: Final = "OTPY_MARK"
_NAME: Final = VARIABLE.encode()

NO_INCARNATION: Final = 0
"""In the mark of a spare, and of what it starts as it imports: incarnations count from 1."""

_PROCESS: Final = "process:"
_PROCESS_BYTES: Final = 32
_NODE_BYTES: Final = 288
_ENV_START: Final = 47
"""Of the fields of /proc/PID/stat, counted from the state on (proc(5), field 50)."""

_tokens: tuple[str, ...] = ()
_variables: dict[bytes, bytes] | None = None
"""The data of `os.environ`; None where an assignment has to change them elsewhere, too."""

_memory: memoryview | None = None


def with_room(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment to exec a node with: what it is within is kept, and there is room."""
    around = environment.get(VARIABLE, "").split()
    value = " ".join(("-" * (_PROCESS_BYTES - 1), " " * _NODE_BYTES, *around))
    # First, since next to the arguments: a process that has a title has written to that page.
    return {VARIABLE: value, **environment} | {VARIABLE: value}


def mark_node(token: str) -> None:
    """Mark this process, and whatever comes below it; the first word is for `mark_process`."""
    global _tokens, _memory, _variables  # noqa: PLW0603  # there is one environment, too
    around = os.environ.get(VARIABLE, "").split()
    _tokens = (token, *(word for word in around if word.strip("-")))
    _memory = _find_memory()
    # Where getenv(3) finds it there, a program that is exec'ed gets what is there.
    if _memory is not None and _address() == addressof(c_char.from_buffer(_memory)):
        _variables = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001
    _write("-", len(_memory) if _memory is not None else 0)


def mark_process(pid: int, incarnation: int) -> None:
    """Mark this process, and whatever comes below it, as a certain incarnation of a child."""
    if _tokens:
        _write(f"{_PROCESS}{pid}.{incarnation}", _PROCESS_BYTES)


def marked_process(word: str) -> tuple[int, int] | None:
    """Return the pid and the incarnation that a word of a mark names; None if it names none."""
    pid, _, incarnation = word.removeprefix(_PROCESS).partition(".")
    if not word.startswith(_PROCESS) or not pid.isdecimal() or not incarnation.isdecimal():
        return None
    return int(pid), int(incarnation)


def _write(process: str, size: int) -> None:
    value = " ".join((process.ljust(_PROCESS_BYTES - 1), *_tokens)).encode()
    if _memory is not None:
        _memory[:size] = value[:size].ljust(size)
    if _variables is not None:
        # The rest of an assignment is on twenty pages that every worker would have for itself.
        _variables[_NAME] = value
    else:
        os.environ[VARIABLE] = value.decode()


def _address() -> int | None:
    """Return where getenv(3) finds the variable."""
    getenv = CDLL(None).getenv
    getenv.restype = c_void_p
    found: int | None = getenv(VARIABLE.encode())
    return found


def _find_memory() -> memoryview | None:
    """Find the value in the environment that the kernel shows; None if there is no room."""
    try:
        shown = Path("/proc/self/environ").read_bytes()
        stat = Path("/proc/self/stat").read_bytes()
    except OSError:
        return None
    start = _start_of_value(shown)
    if start is None:
        return None
    size = shown.find(b"\0", start) - start
    base = int(stat[stat.rindex(b")") + 2 :].split()[_ENV_START])
    if size < _PROCESS_BYTES + _NODE_BYTES or not base:
        return None
    return memoryview((c_char * size).from_address(base + start)).cast("B")


def marks_of(pid: int) -> tuple[str, ...]:
    """Return the words of a process's mark; none if it has none, is gone, or is not ours to see.

    Raises:
        OSError: There are too many open files, or there is no memory.
    """
    # One that executes a program while it is read shows neither environment.
    environment = _environment(pid) or _environment(pid)
    start = _start_of_value(environment)
    if start is None:
        return ()
    value, _, _ = environment[start:].partition(b"\0")
    return tuple(os.fsdecode(value).split())


def _environment(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  # half the time of Path
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _start_of_value(environment: bytes) -> int | None:
    """Find where the variable's value begins; most processes have none, so nothing is split."""
    name = f"{VARIABLE}=".encode()
    start = 0 if environment.startswith(name) else environment.find(b"\0" + name) + 1
    return start + len(name) if environment.startswith(name, start) else None
