"""What a durable server may do with its own state, beside changing it: its attribute `store`."""

from collections.abc import Callable


class OwnStore:
    """The state of a durable server, as it sees it: ``self.store``.

    Args:
        forget: Has the state be forgotten.
    """

    __slots__ = ("_forget",)

    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget

    def reset(self) -> None:
        """Forget the state: it is gone with the next commit, and `init` runs at the next start.

        Nothing more of this incarnation is stored: it had better end, by ``Stop(...)``.
        """
        self._forget()
