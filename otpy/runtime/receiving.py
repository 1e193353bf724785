"""Messages as functions see them, which have no callbacks."""

from otpy.runtime.links import Cast, Info, LinkCall, Received
from otpy.server import Call


def check_wait(timeout: float | None) -> None:
    """Raise ValueError unless that is how long one may wait for a message."""
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"receive takes seconds from zero on, or None, got {timeout!r}")


def as_received(message: Received | None, timeout: float | None) -> object:
    """Give a message as a function worker sees it; raises TimeoutError if there is none."""
    match message:
        case None:
            raise TimeoutError(f"no message within {timeout} s")
        case Cast(request=request):
            return request
        case Info(message=content):
            return content
        case LinkCall(request=request):
            return Call(request, message)
