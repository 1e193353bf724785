"""A reference to a process by name, as a client has it."""

from typing import TYPE_CHECKING

from otpy.client.answers import Stopped, stop_order
from otpy.client.registry import Monitor
from otpy.client.system import SystemCalls
from otpy.client.tree import ProcessInfo, process_info
from otpy.errors import CallTimeout, NoProcess, SeveralInstances
from otpy.links import ref
from otpy.links.deadline import DEFAULT_TIMEOUT_S, TooLate, deadline_of
from otpy.system.exits import is_alive
from otpy.wire.gateway import Statistics, TreeRow

if TYPE_CHECKING:
    from otpy.client.node import Node


class Ref(ref.Ref, SystemCalls):
    """A process, by its name. Any number of threads may use it."""

    node: "Node"

    def __init__(self, node: "Node", name: str) -> None:
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
        """How often the process was started; waits and raises as `pid` does."""
        return self._present()[1]

    def info(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> ProcessInfo:
        """Tell what the node knows of the process at this moment; its `children` are left out.

        Raises:
            NoProcess: There is no such process.
        """
        return process_info(self.node.ask("whereis", {"name": self.name}, timeout, shape=TreeRow))

    def statistics(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Statistics:
        """Tell what the process does. Its supervisor answers, however stuck it is itself.

        Raises:
            NoProcess: There is no such process at this moment, or it is none that takes messages.
            ProcessDown: Its supervisor died before it answered.
        """
        arguments = {"name": self.name}
        (row,) = self.node.ask("statistics", arguments, timeout, shape=tuple[Statistics])
        return row

    def stop(self, reason: object = "normal", *, timeout: float | None = None) -> None:
        """Have the process end with `reason`, and wait until it is gone.

        It handles what was sent to it before, then `terminate` runs. Its supervisor treats the
        end as one of the process's own doing: a permanent child comes back.

        Args:
            reason: As in ``Stop(reason)``.
            timeout: Seconds above zero, or None for as long as it takes.

        Raises:
            NoProcess: There is no such process at this moment, or it takes no messages.
            ProcessDown: It ended with another reason than asked for.
            CallTimeout: It is not gone yet. It ends all the same, unless it never comes to it.
        """
        deadline = deadline_of(timeout)
        try:
            row = self.node.ask_until("whereis", {"name": self.name}, deadline, shape=TreeRow)
            order = stop_order(row, reason)
            told = self.node.ask_until("stop", order, deadline, shape=Stopped)
        except TooLate:
            raise CallTimeout(f"{self.name!r} did not end within {timeout:g} s") from None
        told.check()

    def monitor(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Monitor:
        """Watch the present incarnation: `Monitor.wait` tells why it ended.

        One that has no process at the moment has ended already, with ``noproc``.
        """
        return Monitor(self.node, self.name, timeout)

    def _present(self) -> tuple[int, int]:
        deadline = deadline_of(DEFAULT_TIMEOUT_S)
        try:
            while True:
                info = self.info()
                if info.pid is not None and is_alive(info.pid):
                    return info.pid, info.incarnation
                # It was killed just now, or is being restarted: an introduction waits for it.
                try:
                    link = self.introduced(deadline)
                except SeveralInstances:
                    continue  # their supervisor said so: it is up
                if is_alive(link.pid):
                    return link.pid, link.incarnation
                self.drop(link)
        except TooLate:
            raise NoProcess(f"{self.name!r} has no process at present") from None
