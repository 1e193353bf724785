"""Workers that begin tasks, and what those run."""

import os
import signal
from pathlib import Path
from typing import Any

from otpy import OtpyError, Refused
from otpy.server.context import current
from tests.support.workers import note, sleep_in_c


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not this one")


def add(one: int, two: int = 0) -> int:
    return one + two


def identity() -> list[Any]:
    return [os.getpid(), current().name]


def divide(number: int) -> float:
    return 1 / number


def refuse() -> None:
    raise Refused("not now")


def unsendable() -> Unpicklable:
    return Unpicklable()


def many_bytes(size: int) -> bytes:
    return bytes(size)


def kill_itself(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)


def hang(log: str, name: str = "task", how: str = "python") -> None:
    """Write so, and never end."""
    note(log, "hangs", name, os.getpid())
    if how == "c":
        sleep_in_c()
    while True:
        signal.pause()


def wait_for(fifo: str, value: Any) -> Any:
    """Return `value` once somebody has written into a fifo."""
    Path(fifo).read_bytes()
    return value


def noted(log: str, value: Any) -> Any:
    note(log, "runs", value)
    return value


def one_hangs(log: str, value: int) -> int:
    if value == 1:
        hang(log, f"item {value}")
    return value


def one_is_killed(value: int) -> int:
    if value == 1:
        kill_itself()
    return value


def first_is_slow(fifo: str, value: int) -> int:
    return int(wait_for(fifo, value)) if value == 0 else value


def told(error: OtpyError) -> list[str]:
    return [type(error).__name__, str(error)]
