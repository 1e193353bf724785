"""A server that answers with its pid, and imports nothing of its own."""

import os

from otpy import Caller, GenServer


class Pid(GenServer):
    """Answers every call with its pid."""

    def handle_call(self, request: object, caller: Caller) -> int:
        """Answer."""
        del request, caller
        return os.getpid()
