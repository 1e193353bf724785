"""The node that is tortured: it is started again whenever it is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import psutil

_MODULE: Final = "scripts.torturelib.servers"
_FAULTS: Final = {"counts": "stored=0.001", "loop": "known=0.001", "bank": "before=0.001"}
_CLASSES: Final = {"counts": "Counts", "loop": "AsyncCounts", "bank": "Bank"}
SUM_OF: Final = "sup/bank"


def _tree(name: str) -> str:
    children = "".join(
        f"      - {{id: {id_}, start: '{_MODULE}:{kind}', durable: true,\n"
        f"         env: {{OTPY_DURABLE_FAULT: '{_FAULTS[id_]}'}}}}\n"
        for id_, kind in _CLASSES.items()
    )
    return (
        f"name: {name}\nmax_restarts: infinity\nchildren:\n"
        f"  - id: sup\n    max_restarts: infinity\n    children:\n{children}"
    )


class Node:
    """One node, of which any process may be killed.

    Args:
        work: The folder of its files.
    """

    def __init__(self, work: Path) -> None:
        self.name = f"torture{os.getpid()}"
        self._file = work / "tree.yaml"
        self._file.write_text(_tree(self.name))
        self._output = (work / "output").open("ab")
        self._process = self._started()
        self.starts = 1

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "otpy", "run", str(self._file)]
        output = self._output
        return subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def processes(self) -> list[psutil.Process]:
        """Return its processes, the node itself the first."""
        try:
            node = psutil.Process(self._process.pid)
            return [node, *node.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def keep_running(self) -> bool:
        """Start it again if it has ended; return whether it had."""
        if self._process.poll() is None:
            return False
        self._process = self._started()
        self.starts += 1
        return True

    def await_whole(self) -> None:
        """Wait until all of its servers run; start it as often as that takes."""
        self.keep_running()
        wanted = {f"sup/{id_}" for id_ in _CLASSES}
        while not wanted <= {role_of(process) for process in self.processes()}:
            self.keep_running()
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop it in order, and see that nothing is left."""
        mine = self.processes()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        _, left = psutil.wait_procs(mine[1:], timeout=10)
        if left:
            raise RuntimeError(f"left over: {left}")

    def close(self) -> None:
        """End it, whatever it does."""
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        self._output.close()


def role_of(process: psutil.Process) -> str:
    """Return which process of a node this is, by its title; "" while it has none."""
    try:
        title, role = process.cmdline()[0].split(": ", 1)
        return role.split()[0] if title == "otpy" else ""
    except (psutil.Error, IndexError, ValueError):
        return ""
