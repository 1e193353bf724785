"""The worker that otpy runs in the benchmarks."""

from benchlib.mark import mark
from otpy import GenServer


class Marker(GenServer):
    """Says when its init ran; then waits."""

    def init(self, fifo: str = "") -> None:
        """Mark the first line."""
        mark(fifo)
