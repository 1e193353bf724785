"""What is done about events: ``on_event`` at the top of a tree."""

from dataclasses import dataclass
from typing import Final

DEFAULT_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class EventHandler:
    """A program that is run for each event, or a server that each event is cast to.

    Attributes:
        program: The program and its arguments; empty if there is none.
        server: The name of the server; empty if there is none.
        events: The kinds of events; empty for all.
        timeout: Seconds that the program, or the connection to the server, may take.
    """

    program: tuple[str, ...] = ()
    server: str = ""
    events: tuple[str, ...] = ()
    timeout: float = DEFAULT_TIMEOUT_S

    def __str__(self) -> str:
        return f"cast {self.server}" if self.server else " ".join(self.program)

    def wants(self, kind: str, path: str) -> bool:
        """Return whether an event is handed to it.

        One about the server itself is not: the server would have to handle its own end, and end of
        it again.
        """
        is_own = bool(self.server) and f"/{path}".endswith(f"/{self.server}")
        return not is_own and (not self.events or kind in self.events)
