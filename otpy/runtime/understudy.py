"""The worker of the rehearsal: it starts and ends."""

from otpy.server import Continue, GenServer, Stop


class Understudy(GenServer):
    """Ends at once."""

    def init(self) -> Continue:
        """Go on to the end."""
        return Continue()

    def handle_continue(self, argument: object) -> Stop:
        """End."""
        del argument
        return Stop()
