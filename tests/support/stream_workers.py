"""Workers that end, or complain, without a standard error of any use."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import otpy
from otpy import GenServer, Refused, call, cast


class Raising(io.StringIO):
    """Cannot be written to."""

    def write(self, _text: str) -> int:
        raise RuntimeError("no writing")

    def flush(self) -> None:
        raise SystemError("no flushing")


def _closed() -> io.TextIOWrapper:
    with Path(os.devnull).open("w") as stream:
        return stream


STREAMS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "closed": _closed,
    "ascii": lambda: io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding="ascii"),
    "raises": Raising,
}


def break_streams(how: str) -> None:
    """Break the standard streams."""
    if how == "no descriptor":
        os.close(2)
    else:
        sys.stdout = sys.stderr = STREAMS[how]()


def crash(how: str) -> None:
    """Crash without a standard error, as a function."""
    break_streams(how)
    raise ValueError("the real reason: ä")


def exit_with_text(how: str) -> None:
    """Exit with a text, as a function."""
    break_streams(how)
    sys.exit("DATABASE_URL is not set")


def update(_state: object, how: str) -> None:
    """Crash, as a function of an agent's."""
    crash(how)


class Broken(GenServer):
    """Crashes and refuses without a standard error."""

    def init(self, how: str = "", *, fails: bool = False) -> None:
        if fails:
            crash(how)
        self.seen = 0

    @call
    def spoil(self, how: str) -> None:
        break_streams(how)

    @call
    def crash(self) -> None:
        raise ValueError("the real reason: ä")

    @call
    def exit(self) -> None:
        sys.exit("DATABASE_URL is not set")

    @cast
    def refuse(self) -> None:
        raise Refused("not this: ä")


class BrokenAsync(Broken):
    """The same on a loop."""

    @call
    async def crash(self) -> None:  # type: ignore[override]
        raise ValueError("the real reason: ä")


class Sends(GenServer):
    """Sends a value that the other cannot read."""

    @call
    def unreadable(self, name: str) -> None:
        otpy.cast(name, Unreadable())


class Unreadable:
    """Can be pickled, and not made again."""

    def __reduce__(self) -> tuple[object, ...]:
        return _fail, ()


def _fail() -> None:
    raise RuntimeError("cannot be made: ä")
