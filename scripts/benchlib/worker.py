"""The worker that otpy runs in the benchmarks."""

from otpy import GenServer

from .mark import mark


class Marker(GenServer):
    """Says when its init ran; then waits."""

    def init(self, fifo: str = "") -> None:
        """Mark the first line."""
        mark(fifo)
