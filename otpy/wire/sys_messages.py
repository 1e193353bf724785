"""What a server is asked beside its messages (sys.erl), and what a trace of it says."""

from typing import TypeAlias

import msgspec


class GetState(msgspec.Struct, frozen=True, array_like=True):
    """Tell your state."""


class ReplaceState(msgspec.Struct, frozen=True, array_like=True):
    """Give these attributes these values, all or none; tell the state then.

    Raises:
        TypeError: They are not a mapping of names.
    """

    attributes: dict[str, object]

    def __post_init__(self) -> None:
        names = self.attributes if isinstance(self.attributes, dict) else (None,)
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"attributes is a mapping of names, got {self.attributes!r:.100}")


class Suspend(msgspec.Struct, frozen=True, array_like=True):
    """Take no messages any more."""


class Resume(msgspec.Struct, frozen=True, array_like=True):
    """Take messages again."""


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """Write what you receive and answer into the pipe beside this."""


SystemRequest: TypeAlias = GetState | ReplaceState | Suspend | Resume | Trace


class ReadGauges(msgspec.Struct, frozen=True, array_like=True):
    """Tell what a worker does, or all the workers of a supervisor; they are not asked."""


class DumpStacks(msgspec.Struct, frozen=True, array_like=True):
    """Tell the Python stacks of a worker; it is not asked."""


Inquiry: TypeAlias = SystemRequest | ReadGauges | DumpStacks
"""What is asked about a worker beside its messages."""


class TraceEvent(msgspec.Struct, frozen=True, array_like=True):
    """A message that a traced process took out of its mailbox, or an answer that it sent.

    Attributes:
        at: Unix time in seconds.
        kind: ``call``, ``cast``, ``info``, ``reply`` or ``error``.
        call: The same for a call and for its answer; empty for the rest.
        text: The request, the message or the answer, shortened.
        dropped: How many events before this one are missing, since nobody read them in time.
    """

    at: float
    kind: str
    call: str
    text: str
    dropped: int = 0
