"""A server that imports next to nothing."""

import os
import signal
import sys
from typing import Any

import otpy
from otpy import GenServer, call

_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


class Plain(GenServer):
    """Has nothing async."""

    @call
    def modules(self) -> bool:
        return "asyncio" in sys.modules

    @call
    def source(self) -> str:
        return otpy.__file__

    @call
    def interpreter(self) -> dict[str, Any]:
        of_the_node = {"OTPY_MARK"}
        return {
            "modules": sorted(sys.modules),
            "main": repr(sys.modules["__main__"]),
            "argv": [each for each in sys.argv if not each.isdigit()],
            "orig_argv": [each for each in sys.orig_argv if not each.isdigit()],
            "path": sys.path,
            "flags": str(sys.flags),
            "utf8": sys.flags.utf8_mode,
            "environment": {k: v for k, v in os.environ.items() if k not in of_the_node},
            "streams": [str(sys.stdin), str(sys.stdout), str(sys.stderr)],
            "dispositions": {
                str(each): str(signal.getsignal(each)).partition(" at 0x")[0] for each in _SIGNALS
            },
        }
