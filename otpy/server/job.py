"""A function and its arguments, sent to another process of the tree."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from otpy.errors import NotSendable


@dataclass(frozen=True, slots=True)
class Job:
    """A function with its arguments, as only a worker can send it.

    Between workers any object passes, and so does this one; what a client sends is MessagePack,
    which makes no object of a class. So nothing that a client sends is ever unpickled.

    Attributes:
        pickled: The function and its arguments.
    """

    pickled: bytes

    @classmethod
    def of(cls, function: Callable[..., Any], args: tuple[Any, ...]) -> Self:
        """Return the job of a function and its arguments.

        Raises:
            NotSendable: The function or an argument cannot be sent.
        """
        try:
            return cls(pickle.dumps((function, args), 5))
        except Exception as error:  # noqa: BLE001  # whatever the user's code raised
            problem = f"cannot send {function!r:.100} with its arguments"
            raise NotSendable(f"{problem}: {error}") from None

    def load(self) -> Callable[[], Any]:
        """Return the function with its arguments."""
        function, args = pickle.loads(self.pickled)  # noqa: S301  # a worker of this tree made it
        return partial(function, *args)
