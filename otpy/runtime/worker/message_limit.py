"""A server that ends after so many messages, to be replaced: `max_messages` of its spec.

Only workers with that key import this module, and only they count.
"""

from otpy.core.recycling import messages_reached
from otpy.runtime.worker.mailbox import Message, WorkerMailbox


def limit_messages(mailbox: WorkerMailbox, most: int, named: int) -> None:
    """Let a mailbox end its worker after `most` messages, and those that it has read by then.

    Args:
        mailbox: Of the worker.
        most: The limit of this incarnation.
        named: The limit that the reason tells.
    """
    take, left = mailbox.next, most

    def take_and_count(timeout: float | None = None) -> Message | None:
        nonlocal left
        if not left:
            left = -1
            mailbox.stop_after_read(messages_reached(named))
        message = take(timeout)
        if message is not None:
            left -= 1
        return message

    # Not a method that asks whether there is a limit: those without one would pay for it.
    mailbox.next = take_and_count  # type: ignore[method-assign]
