"""The server of the warm-up: it starts, answers a call, and ends."""

from otpy.server.calls import call, cast
from otpy.server.genserver import GenServer
from otpy.server.results import Continue, Stop


class WarmUpServer(GenServer):
    """Ends when it is told to."""

    def init(self) -> Continue:
        """Go on."""
        return Continue()

    def handle_continue(self, argument: object) -> None:
        """Go on to the messages."""
        del argument

    @call
    def echo(self, number: int = 0) -> int:
        """Answer a call."""
        return number

    @cast
    def finish(self) -> Stop:
        """End."""
        return Stop()
