"""A search by a regular expression that cannot take for ever: some take exponentially long."""

import re
import signal
from collections.abc import Iterable
from typing import Final

_LONGEST_S: Final = 0.1


class TooLong(Exception):
    """A search was given up."""


def _give_up(_number: int, _frame: object) -> None:
    raise TooLong


def found_in(pattern: re.Pattern[str], lines: Iterable[str]) -> bool:
    """Return whether one of `lines` matches; to be called in the main thread.

    Raises:
        TooLong: It takes longer than a tenth of a second.
    """
    before = signal.signal(signal.SIGALRM, _give_up)
    try:
        # `re` looks for signals as it searches.
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_S)
        try:
            return any(map(pattern.search, lines))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)
