"""One request to several processes at the same time (gen_server:multi_call, abcast)."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from otpy.aio.links.deadline import share_of
from otpy.aio.links.ref import Ref
from otpy.errors import CallTimeout, OtpyError
from otpy.links.deadline import deadline_of


async def multi_call(
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
    sent = await asyncio.gather(
        *[
            ref.send_request(*request, timeout=share)
            for ref, share in zip(refs, shares, strict=True)
        ]
    )
    for ref, pending in zip(refs, sent, strict=True):
        try:
            replies[ref.name] = await pending.result(share_of(deadline, 1))
        except CallTimeout:
            bad[ref.name] = CallTimeout(f"{ref.name!r} did not answer within {timeout:g} s")
        except OtpyError as error:
            bad[ref.name] = error
    return replies, bad


async def abcast(refs: Sequence[Ref], request: tuple[object, ...], timeout: float | None) -> None:
    """Cast to all; arguments and errors as `multi_call`."""
    deadline = deadline_of(timeout)

    async def cast_to(number: int, ref: Ref) -> bool:
        with contextlib.suppress(CallTimeout):
            await ref.cast(*request, timeout=share_of(deadline, len(refs) - number))
        return True

    await asyncio.gather(*[cast_to(number, ref) for number, ref in enumerate(refs)])
