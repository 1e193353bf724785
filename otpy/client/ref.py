# Generated from otpy/aio/client/ref.py by scripts/generate_blocking.py; do not edit.

"""A reference to a process by name, as a client has it."""

from typing import TYPE_CHECKING

from otpy.client.asker import Asker
from otpy.client.trace import TraceStream
from otpy.client.tree import ProcessInfo, process_info
from otpy.errors import CallTimeout, NoProcess, SeveralInstances
from otpy.links import ref
from otpy.links.deadline import DEFAULT_TIMEOUT_S, within
from otpy.system.wait import is_alive
from otpy.wire.gateway import TreeRow

if TYPE_CHECKING:
    from otpy.client.registry import Monitor


class Ref(ref.Ref):
    """A process, by its name. Any number of threads may use it."""

    _node: "Asker[Ref]"

    def __init__(self, node: "Asker[Ref]", name: str) -> None:
        super().__init__(node, name)

    @property
    def pid(self) -> int:
        """The pid of the present incarnation; waits for one that is being restarted.

        Raises:
            NoProcess: There is no such process, or it is stopped for good.
        """
        return self._present()[0]

    @property
    def incarnation(self) -> int:
        """The number of times the process was started; waits and raises as `pid` does."""
        return self._present()[1]

    def info(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ProcessInfo:
        """Return the process's row of the tree at this moment; its `children` are left out.

        Raises:
            NoProcess: There is no such process.
        """
        row = self._node._ask("whereis", {"name": self.name}, timeout, shape=TreeRow)
        return process_info(row)

    def trace(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> TraceStream:
        """Iterate over what the server receives and answers from now on.

        The `timeout` is for its begin.
        """
        with within(timeout, f"{self.name!r} did not answer") as deadline:
            return self._node._trace(self.name, deadline)

    def monitor(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "Monitor":
        """Monitor the present incarnation: `Monitor.wait` returns why it ended.

        One that has no process at the moment has ended already, with ``noproc``.
        """
        from otpy.client.registry import Monitor  # noqa: PLC0415 - few clients watch a process

        try:
            row = self._node._ask("whereis", {"name": self.name}, timeout, shape=TreeRow)
        except NoProcess:
            return Monitor(self._node, self.name, None)
        return Monitor(self._node, row.path, None if row.pid is None else row.incarnation)

    def _present(self) -> tuple[int, int]:
        try:
            with within(DEFAULT_TIMEOUT_S, "") as deadline:
                while True:
                    info = self.info()
                    if info.pid is not None and is_alive(info.pid):
                        return info.pid, info.incarnation
                    # It was killed just now, or is being restarted: connecting waits for it.
                    try:
                        link = self._open_link(deadline)
                    except SeveralInstances:
                        continue  # their supervisor said so: it is up
                    if is_alive(link.pid):
                        return link.pid, link.incarnation
                    self._drop(link)
        except CallTimeout:
            raise NoProcess(f"{self.name!r} has no process at present") from None
