"""Children with spares, and how long they take to answer again after a kill."""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import otpy

from .systems import Otpy

_PATIENCE_S: Final = 60.0
_LOOK_S: Final = 0.01


class OtpyWithSpares(Otpy):
    """``otpy run`` of one tree: the worker of the benchmarks, with a spare, and servers.

    Args:
        modules: Of `benchlib`, each with a server of its name, which has a spare.
    """

    def __init__(self, modules: Sequence[str] = ()) -> None:
        super().__init__()
        self._modules = modules
        self._client: otpy.Node | None = None

    def prepare(self, folder: Path) -> Sequence[str | Path]:
        """Write the tree."""
        command = super().prepare(folder)
        tree = folder / "bench.yaml"
        children = [tree.read_text().rstrip()[:-1] + ", spare: 1}"]
        children.append("  - {id: answer, start: 'benchlib.answer:Pid'}")
        children += [
            f"  - {{id: {module}, start: 'benchlib.{module}:Pid', spare: 1}}"
            for module in self._modules
        ]
        tree.write_text("\n".join(children) + "\n")
        return command

    def __enter__(self) -> Self:
        """Start it, and connect to it."""
        super().__enter__()
        before = os.environ.get("OTPY_DIR")
        os.environ["OTPY_DIR"] = self._environment()["OTPY_DIR"]
        try:
            self._client = _connected()
        finally:
            os.environ.pop("OTPY_DIR")
            if before is not None:
                os.environ["OTPY_DIR"] = before
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect, and stop it."""
        if self._client is not None:
            self._client.close()
        super().__exit__(kind, error, trace)

    @property
    def client(self) -> otpy.Node:
        """The connection."""
        assert self._client is not None
        return self._client

    def await_spares(self) -> None:
        """Wait until every child that is to have a spare has one."""
        wanted = {"worker-0", *self._modules}
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if {row.path for row in self.client.tree() if row.spares} >= wanted:
                return
            time.sleep(_LOOK_S)
        raise TimeoutError(f"no spares in {_PATIENCE_S:g} s")

    def kill_and_ask(self, child: str) -> float:
        """SIGKILL a server; return the milliseconds until its successor has answered."""
        server = self.client[child]
        killed = server.call("pid")
        began = time.monotonic_ns()
        os.kill(killed, signal.SIGKILL)
        while True:
            with contextlib.suppress(otpy.OtpyError):
                if server.call("pid") != killed:
                    return (time.monotonic_ns() - began) / 1e6


def _connected() -> otpy.Node:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            node = otpy.connect("bench")
            node.tree()
        except otpy.OtpyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)
        else:
            return node
