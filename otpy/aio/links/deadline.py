"""Timeouts of awaiting callers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from otpy.errors import CallTimeout
from otpy.links.deadline import deadline_of
from otpy.links.deadline import share_of as deadline_share
from otpy.system.descriptor import HasFileno


@contextlib.asynccontextmanager
async def within(timeout: float | None, what: str) -> AsyncIterator[float | None]:
    """Limit the block to so many seconds, and yield the deadline.

    Raises:
        ValueError: The timeout is not a number of seconds above zero, or None for ever.
        CallTimeout: It was not done in time; the text is `what` and the time.
    """
    deadline = deadline_of(timeout)
    try:
        async with asyncio.timeout(timeout) as scope:
            yield deadline
    except TimeoutError:
        if scope.expired():
            raise CallTimeout(f"{what} within {timeout:g} s") from None
        raise


def share_of(deadline: float | None, shares: int) -> float | None:  # noqa: ARG001  # the twin's
    """Return the time left, as a timeout: what is gathered runs at the same time, so takes all."""
    return deadline_share(deadline, 1)


def locked(lock: asyncio.Lock, deadline: float | None) -> asyncio.Lock:  # noqa: ARG001  # the twin's
    """Return a context manager that holds a lock: the task that awaits it gives up by itself."""
    return lock


async def until_readable(descriptor: HasFileno, deadline: float | None) -> None:  # noqa: ARG001
    """Wait until there is something to read, or the end."""
    loop, comes = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(descriptor.fileno(), comes.set)
    try:
        await comes.wait()
    finally:
        loop.remove_reader(descriptor.fileno())


async def pause_within(seconds: float, deadline: float | None) -> None:  # noqa: ARG001  # the twin's
    """Do nothing for so many seconds; the task that awaits it gives up by itself."""
    await asyncio.sleep(seconds)


async def pause(seconds: float) -> None:
    """Do nothing for so many seconds."""
    await asyncio.sleep(seconds)
