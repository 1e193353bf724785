"""Waiting for a worker's messages on an event loop, which runs its tasks meanwhile."""

import asyncio
import time
from typing import Final

from otpy.runtime.worker.mailbox import Message, WorkerMailbox

_OTHERS_EVERY_S: Final = 0.001
"""Seconds that messages may be served before the event loop runs other tasks."""


class Waiting:
    """Takes the messages of a mailbox; for one task at a time.

    Args:
        mailbox: The worker's own.
    """

    def __init__(self, mailbox: WorkerMailbox) -> None:
        self._mailbox = mailbox
        self._others_at = 0.0

    async def next(self, timeout: float | None) -> Message | None:
        """Return the next message; None after `timeout` seconds without one, as `mailbox.next`."""
        await self._let_others_run()
        deadline = None if timeout is None else time.monotonic() + timeout
        served = self._mailbox.sys_messages.served
        while True:
            message = self._mailbox.next(0.0)
            if message is not None:
                return message
            if timeout is not None and served != self._mailbox.sys_messages.served:
                served = self._mailbox.sys_messages.served
                deadline = time.monotonic() + timeout
            if deadline is not None and time.monotonic() >= deadline:
                return None
            await self._until_something_comes(deadline)

    async def _let_others_run(self) -> None:
        now = time.monotonic()
        if now - self._others_at > _OTHERS_EVERY_S:
            await asyncio.sleep(0)
            self._others_at = time.monotonic()

    async def _until_something_comes(self, deadline: float | None) -> None:
        loop = asyncio.get_running_loop()
        comes = loop.create_future()

        def wake() -> None:
            if not comes.done():
                comes.set_result(None)

        # Watched only while nothing else is done: else it would be ready while a handler awaits.
        loop.add_reader(self._mailbox.fileno(), wake)
        self._mailbox.on_ready = wake  # a task may send this very server something
        seconds = self._mailbox.seconds_until(deadline)
        timer = loop.call_later(seconds, wake) if seconds >= 0 else None
        try:
            await comes
        finally:
            self._mailbox.on_ready = None
            loop.remove_reader(self._mailbox.fileno())
            if timer is not None:
                timer.cancel()
