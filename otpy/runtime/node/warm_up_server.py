"""The server of the warm-up: it starts, answers a call, and ends."""

from otpy.server.calls import call, cast
from otpy.server.genserver import GenServer
from otpy.server.results import Continue, Stop


class WarmUpServer(GenServer):
    """Answers one call, and ends at `finish`."""

    def init(self) -> Continue:
        """Continue, so that `handle_continue` runs, too."""
        return Continue()

    def handle_continue(self, argument: object) -> None:
        """Do nothing."""
        del argument

    @call
    def echo(self, number: int = 0) -> int:
        """Return the number."""
        return number

    @cast
    def finish(self) -> Stop:
        """Stop."""
        return Stop()
