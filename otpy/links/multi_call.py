# Generated from otpy/aio/links/multi_call.py by scripts/generate_blocking.py; do not edit.

"""One request to several processes at the same time (gen_server:multi_call, abcast)."""

import contextlib
from collections.abc import Sequence
from typing import Any

from otpy.errors import CallTimeout, OtpyError
from otpy.links.deadline import deadline_of, share_of
from otpy.links.ref import Ref


def multi_call(
    refs: Sequence[Ref], request: tuple[object, ...], timeout: float | None
) -> tuple[dict[str, Any], dict[str, OtpyError]]:
    """Call all; return the replies by name, and what went wrong by the names of the others.

    Args:
        refs: Each process once.
        request: The request, and its arguments if there are any.
        timeout: Seconds above zero for all of them together, or None for ever.

    Raises:
        NotSendable: The request cannot be sent to any process.
        FrameTooLarge: It is over `max_frame`.
    """
    deadline = deadline_of(timeout)
    replies: dict[str, Any] = {}
    bad: dict[str, OtpyError] = {}
    # Each may use its share of the time to be sent, so that none holds up all others.
    shares = (share_of(deadline, len(refs) - number) for number in range(len(refs)))
    sent = [
        ref.send_request(*request, timeout=share) for ref, share in zip(refs, shares, strict=True)
    ]

    for ref, pending in zip(refs, sent, strict=True):
        try:
            replies[ref.name] = pending.result(share_of(deadline, 1))
        except CallTimeout:
            bad[ref.name] = CallTimeout(f"{ref.name!r} did not answer within {timeout:g} s")
        except OtpyError as error:
            bad[ref.name] = error
    return replies, bad


def abcast(refs: Sequence[Ref], request: tuple[object, ...], timeout: float | None) -> None:
    """Cast to all; arguments and errors as `multi_call`."""
    deadline = deadline_of(timeout)

    def cast_to(number: int, ref: Ref) -> bool:
        with contextlib.suppress(CallTimeout):
            ref.cast(*request, timeout=share_of(deadline, len(refs) - number))
        return True

    [cast_to(number, ref) for number, ref in enumerate(refs)]
