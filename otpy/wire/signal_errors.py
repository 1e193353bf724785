"""Exceptions that a signal handler raised, wherever the program was just then."""

import signal
from typing import Final

_USUAL: Final = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def comes_from_a_signal(error: BaseException) -> bool:
    """Return whether a handler of a signal raised this: it is not of what it interrupted."""
    if isinstance(error, KeyboardInterrupt):
        return True  # of Python's own handler, which has no frame
    codes = {getattr(signal.getsignal(number), "__code__", None) for number in _USUAL} - {None}
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in codes:
            return True
        trace = trace.tb_next
    return False
