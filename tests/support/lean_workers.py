"""A server that imports next to nothing."""

import sys

from otpy import GenServer, call


class Plain(GenServer):
    """Has nothing async."""

    @call
    def modules(self) -> bool:
        return "asyncio" in sys.modules
