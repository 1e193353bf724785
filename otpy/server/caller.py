"""The caller of a server, as it sees it."""

from typing import Protocol


class Caller(Protocol):
    """The caller; good for one reply, from any handler.

    A value: it may be kept in sets and as a key, and is equal to what stands for the same call
    alone, handed to another process, too, and whatever the request is.
    """

    def reply(self, value: object) -> None:
        """Answer the call. A second reply is dropped, as is one to a caller that has gone."""
