"""The worker of the rehearsal: it starts, says a line, and ends."""

from otpy.server.calls import call, cast
from otpy.server.genserver import GenServer
from otpy.server.results import Continue, Stop


class Understudy(GenServer):
    """Ends when it is told to."""

    def init(self) -> Continue:
        """Go on."""
        return Continue()

    def handle_continue(self, argument: object) -> None:
        """Go on to the messages."""
        del argument

    @call
    def line(self, number: int = 0) -> int:
        """Answer a call."""
        return number

    @cast
    def leave(self) -> Stop:
        """End."""
        return Stop()
