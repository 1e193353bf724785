"""One request to several processes at the same time; as `otpy.links.multi_call`."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from otpy.aio.links.ref import Ref
from otpy.errors import CallTimeout, OtpyError


async def multi_call(
    refs: Sequence[Ref], request: tuple[object, ...], timeout: float | None
) -> tuple[dict[str, Any], dict[str, OtpyError]]:
    """Call all; return the replies by name, and what went wrong by the names of the others.

    Args:
        refs: Each process once.
        request: The request, and its arguments if there are any.
        timeout: Seconds above zero for all of them together, or None for ever.

    Raises:
        NotSendable: The request cannot be sent to anybody.
        FrameTooLarge: It is over `max_frame`.
    """
    for ref in refs[:1]:
        ref.node.protocol().call(0, request)  # what cannot be sent is an error at once
    calls = (ref.call(*request, timeout=timeout) for ref in refs)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    replies: dict[str, Any] = {}
    bad: dict[str, OtpyError] = {}
    for ref, outcome in zip(refs, outcomes, strict=True):
        if isinstance(outcome, OtpyError):
            bad[ref.name] = outcome
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            replies[ref.name] = outcome
    return replies, bad


async def abcast(refs: Sequence[Ref], request: tuple[object, ...], timeout: float | None) -> None:
    """Cast to all; arguments and errors as `multi_call`'s. Who takes no messages gets none."""

    async def cast_to(ref: Ref) -> None:
        with contextlib.suppress(CallTimeout):
            await ref.cast(*request, timeout=timeout)

    await asyncio.gather(*map(cast_to, refs))
