"""Messages as functions see them, which have no callbacks."""

from otpy.runtime.worker.connections import Cast, Info, LinkCall, Received
from otpy.server.context import Call
from otpy.server.timer import TimerRef


def check_wait(timeout: float | None) -> None:
    """Raise ValueError unless that is how long one may wait for a message."""
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"receive takes seconds from zero on, or None, got {timeout!r}")


def check_delay(seconds: float) -> None:
    """Raise ValueError unless that is how long a message may wait to be sent."""
    if not seconds >= 0:
        raise ValueError(f"send_after takes seconds from zero on, got {seconds!r}")


def check_timer(timer: object) -> None:
    """Raise TypeError unless that is a timer."""
    if not isinstance(timer, TimerRef):
        raise TypeError(f"cancel_timer takes what send_after returned, got {timer!r:.100}")


def as_received(message: Received | None, timeout: float | None) -> object:
    """Return a message as a function worker sees it; raises TimeoutError if there is none."""
    match message:
        case None:
            raise TimeoutError(f"no message within {timeout} s")
        case Cast(request=request):
            return request
        case Info(message=content):
            return content
        case LinkCall(request=request):
            return Call(request, message)
