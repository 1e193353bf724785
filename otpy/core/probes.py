"""How a supervisor finds out that a child serves: it is told so, or it probes.

A probe is data: what to ask, and how often. `otpy.runtime.supervisor` asks.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """It holds if a TCP connection to `host` and `port` is accepted."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp {host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """It holds if a GET of `url`, which is an http one, is answered with `status`."""

    url: str
    status: int = 200

    def __str__(self) -> str:
        return f"http {self.url}"


@dataclass(frozen=True, slots=True)
class ExecProbe:
    """It holds if the program exits with status 0; it starts in what the child starts in."""

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"exec {self.argv[0]}"


@dataclass(frozen=True, slots=True)
class LogProbe:
    """It holds once a line of the child's output matches the regular expression `pattern`."""

    pattern: str

    def __str__(self) -> str:
        return f"log {self.pattern!r}"


Question: TypeAlias = TcpProbe | HttpProbe | ExecProbe
"""What can be asked again and again; `LogProbe` only listens."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to a child, and when it is asked.

    Attributes:
        question: What is asked.
        every: Seconds from one try to the next.
        timeout: Seconds after which a try has failed.
        after: Seconds before the first try.
    """

    question: Question
    every: float = 1.0
    timeout: float = 1.0
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Notified:
    """The child says READY=1 by sd_notify(3), or calls `otpy.ready()`."""


@dataclass(frozen=True, slots=True)
class NewlineAt:
    """The child writes a newline to descriptor `fd`, as s6 has it."""

    fd: int


Readiness: TypeAlias = Probe | LogProbe | Notified | NewlineAt
