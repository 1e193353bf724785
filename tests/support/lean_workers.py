"""A server that imports next to nothing."""

import sys

import otpy
from otpy import GenServer, call


class Plain(GenServer):
    """Has nothing async."""

    @call
    def modules(self) -> bool:
        return "asyncio" in sys.modules

    @call
    def source(self) -> str:
        return otpy.__file__
