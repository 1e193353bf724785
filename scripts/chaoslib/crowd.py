"""The process of the clients: apart, since many busy threads would hold up whoever kills."""

import json
import subprocess
import sys
from typing import Final

from scripts.chaoslib.clients import TIMEOUT_S
from scripts.chaoslib.node import Node, environment
from scripts.chaoslib.tally import Tally

_WAIT_S: Final = 3 * TIMEOUT_S


class Crowd:
    """The clients of a node, from now on until `stop`.

    Args:
        node: The node.
        tally: Where they are counted in the end.
        seed: For what they choose to do.
    """

    def __init__(self, node: Node, tally: Tally, seed: int) -> None:
        self._tally = tally
        command = [sys.executable, "-m", "scripts.chaoslib.clients", node.name, str(seed)]
        self._process = subprocess.Popen(
            command,
            env=environment(node.place),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        node.others.add(self._process.pid)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # they have begun

    def stop(self) -> None:
        """Wait for their last answers, and for what they have counted."""
        try:
            told, _ = self._process.communicate(timeout=_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._tally.violate("hung caller", f"the clients have not ended within {_WAIT_S:g} s")
            return
        if self._process.returncode:
            self._tally.violate("error", f"the clients ended with {self._process.returncode}")
            return
        self._tally.add(json.loads(told))
