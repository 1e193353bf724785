"""A server that crashes as soon as it is up, once a file is gone that keeps it quiet."""

import os
from typing import Any

import otpy


class Crashing(otpy.GenServer):
    """It looks for the file, named by $BENCH_QUIET, each tenth of a second."""

    def init(self) -> Any:
        """Crash with the first message."""
        return otpy.Timeout(0.0)

    def handle_info(self, message: object) -> Any:  # noqa: ARG002
        """Crash, unless it is quiet."""
        if os.path.exists(os.environ["BENCH_QUIET"]):  # noqa: PTH110 - without one more import
            return otpy.Timeout(0.1)
        raise RuntimeError("as it does each time")
