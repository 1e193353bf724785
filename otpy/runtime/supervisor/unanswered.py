"""The requests that a supervisor's router has forwarded and that have no answer yet."""

from dataclasses import dataclass

from otpy.core.messages import Answer
from otpy.runtime.supervisor.child import Child
from otpy.system.descriptor import Descriptor
from otpy.system.message_socket import Sender
from otpy.wire.control import Ask, StartTask


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A message that a supervisor below, or else the node above, has not answered yet."""

    origin: Sender
    token: int
    child: Child | None
    opens_link: bool


@dataclass(frozen=True, slots=True)
class TaskStart:
    """A child that is being started for a caller that gets a link to it."""

    origin: Sender
    message: Ask
    task: StartTask
    fds: tuple[Descriptor, ...]


@dataclass(slots=True)
class Batch:
    """Questions to the core that have one answer together."""

    origin: Sender
    token: int
    open: int
    answers: dict[int, Answer]
