"""Messages about other processes: that they have ended, that they are registered."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Down:
    """A monitored process has ended; comes once.

    Attributes:
        monitor: The number that `otpy.monitor` returned; 0 for a client's.
        path: The process's path, or the name that it was monitored by if it had no process.
        incarnation: Which one has ended; 0 if there was none.
        reason: Its exit reason; ``noproc`` if there was none.
    """

    monitor: int
    path: str
    incarnation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Exit:
    """A linked process has ended.

    Attributes:
        path: The process's path, or the name that it was linked by if it had no process.
        incarnation: Which one has ended; 0 if there was none.
        reason: Its exit reason; ``noproc`` if there was none.
    """

    path: str
    incarnation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A process that is registered under a key.

    Attributes:
        path: The process's path.
        pid: Of its present incarnation.
        value: The value of its registration.
    """

    path: str
    pid: int
    value: Any = None
