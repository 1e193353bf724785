"""What a client may give as an argument of a request: anything else is its mistake."""

import math
import signal
from typing import Any

from otpy.wire.nesting import check_nesting


def plain_value(value: object) -> Any:
    """Read a value that is not nested too deep to pass the supervisors."""
    check_nesting(value)
    return value


def seconds(timeout: object) -> float | None:
    """Read a timeout; one that the loop could not wait for is wrong.

    Raises:
        ValueError: It is no number of seconds, nor None.
    """
    if timeout is None:
        return None
    if not isinstance(timeout, int | float) or not 0 <= timeout < math.inf:
        raise ValueError(f"timeout is seconds or None, got {timeout!r:.100}")
    return float(timeout)


def signal_number(number: object) -> int:
    """Read a signal's number: a supervisor is to send it, and must not fail at it.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(number, int) or not 0 <= number < signal.NSIG:
        raise ValueError(f"{number!r:.100} is no signal's number")
    return number
