"""Start the processes of children."""

import os
import signal
from collections.abc import Callable, Container
from functools import partial
from typing import TYPE_CHECKING

from otpy.core.numbers import Numbers
from otpy.core.recycling import RecyclingLimits, is_recycled, limits_of
from otpy.core.spec import ChildSpec, SupervisorSpec, seconds_of
from otpy.core.surroundings import NODES
from otpy.runtime.bootstrap import Bootstrap
from otpy.runtime.child_pipes import Pipes, open_pipes
from otpy.runtime.control_channel import GATEWAY, SUPERVISOR, WORKER, end_of_supervisor
from otpy.runtime.counters import CounterPage
from otpy.runtime.node_log import Source
from otpy.runtime.record_fields import as_dict
from otpy.runtime.supervisor.child import Child, stop_signal_of
from otpy.runtime.supervisor.output import ChildOutput, Sinks
from otpy.runtime.supervisor.prefork import PreforkPool
from otpy.runtime.supervisor.stack_dumps import StackDumps
from otpy.runtime.worker.main import run_spare, watch_forks
from otpy.system.entropy import random_fraction
from otpy.system.fork_server import Ends, ForkServer
from otpy.system.spawn import fork_watched
from otpy.system.wait import reap, send_signal
from otpy.wire.control import Assignment, TakeDescriptor
from otpy.wire.log_message import Target

if TYPE_CHECKING:
    from otpy.runtime.supervisor.readiness import Signs


class Spawner:
    """Starts the processes of a supervisor's children.

    Args:
        sinks: Where the workers' output goes.
        inherited_fds: Descriptors that the supervisors and the gateway hold, the lock's first.
        run_other: Runs a child that is no worker, in the forked process; returns its exit status.

    Attributes:
        stacks: Of the workers.
    """

    def __init__(
        self,
        sinks: Sinks,
        inherited_fds: tuple[int, ...],
        run_other: Callable[[ChildSpec, Bootstrap], int],
    ) -> None:
        self._sinks, self._loop = sinks, sinks.loop
        self._inherited_fds, self._run_other = inherited_fds, run_other
        self._pid = os.getpid()
        self._counter_page = CounterPage()
        watch_forks()
        self.stacks = StackDumps(self._loop)
        self._kept: tuple[int, ...] = ()
        self._workers = 0
        server = ForkServer(self._run_spare, self._loop.close, lambda: self._kept)
        self._prefork = PreforkPool(self._run_spare_of_ours, self._counter_page, server)

    @property
    def spare_pids(self) -> Container[int]:
        """Pids of the preforked processes and of the fork server."""
        return self._prefork.pids

    def spare_ended(self, pid: int) -> bool:
        """Reap a preforked process or the fork server; return whether `pid` was one of them."""
        return self._prefork.ended(pid)

    def on_idle(self) -> None:
        """End preforked processes that are not needed soon."""
        self._prefork.on_idle()

    def close(self) -> None:
        """End the preforked processes and the fork server."""
        self._prefork.close()

    def spawn_worker(
        self, spec: ChildSpec, path: str, incarnation: int, ahead: Callable[[], int]
    ) -> Child:
        """Start a worker; `ahead` returns how many more will be started soon.

        Raises:
            OSError: There are too many processes or open files, or there is no memory.
        """
        self._kept = (self.stacks.prepare().fileno(),)
        limits = _limits(spec)
        signs = self._signs(spec)
        assignment = _assignment(spec, path, incarnation, limits, signs)
        try:
            spare = self._prefork.take(assignment, self._workers, ahead)
        except (OSError, MemoryError):
            if signs is not None:
                signs.close()
            raise
        try:
            source = Source(path, incarnation)
            output = ChildOutput(spare.pipes.output, source, Target(), self._sinks)
        except OSError:
            self._prefork.discard(spare)
            if signs is not None:
                signs.close()
            raise
        child = Child(
            spec=spec,
            incarnation=incarnation,
            path=path,
            pid=spare.pid,
            pidfd=spare.pidfd,
            channel=end_of_supervisor(spare.pipes.control, WORKER),
            output=output,
            counters=self._counter_page.at(spare.slot),
            slot=spare.slot,
            limits=limits,
            signs=signs,
        )
        self._workers += 1
        if not spare.assigned:
            child.channel.send(assignment)
        if signs is not None and signs.given is not None:
            child.channel.send(TakeDescriptor(), (signs.given,))
        self._prefork.refill(self._workers, ahead)
        return child

    def _signs(self, spec: ChildSpec) -> "Signs | None":
        if spec.ready is None:
            return None
        # Not above: a tree without such children does without it.
        from otpy.runtime.supervisor.readiness import Signs  # noqa: PLC0415

        return Signs(self._loop, spec.ready)

    def discard(self, child: Child) -> None:
        """End a process that cannot be supervised, and release the child's resources."""
        send_signal(child.pidfd, signal.SIGKILL)
        reap(child.pid)
        if child.output is not None:
            child.output.finish()
        self.release(child, "killed")

    def release(self, child: Child, reason: str) -> None:
        """Release the resources of a child that has ended for `reason`."""
        self.stacks.forget(child, reason)
        child.close()
        if child.slot is not None:
            self._counter_page.free(child.slot)
            self._workers -= 1
            self._prefork.shrunk(self._workers)

    def spawn_supervisor(
        self, spec: ChildSpec, path: str, incarnation: int, numbers: Numbers
    ) -> Child:
        """Start a supervisor, or the gateway.

        Args:
            spec: Of the child.
            path: Of the child.
            incarnation: Of the child.
            numbers: The last incarnation numbers below its earlier incarnations, by path.

        Raises:
            OSError: As `spawn_worker`.
        """
        pipes = self._open_pipes()
        try:
            known = numbers if spec.is_supervisor else Numbers()
            bootstrap = Bootstrap(
                path,
                self._pid,
                incarnation,
                pipes.their_control,
                self._sinks.log.inherited,
                self._inherited_fds,
                known,
            )
            main = partial(self._run_child, partial(self._run_other, spec, bootstrap))
            ((pid, pidfd),) = fork_watched([main])
        except OSError:
            pipes.close()
            raise
        pipes.close_theirs()
        return Child(
            spec=spec,
            incarnation=incarnation,
            path=path,
            pid=pid,
            pidfd=pidfd,
            channel=end_of_supervisor(pipes.control, SUPERVISOR if spec.is_supervisor else GATEWAY),
            limits=_limits(spec),
        )

    def _open_pipes(self) -> Pipes:
        try:
            return open_pipes(output=False)
        except OSError:
            if not self.spare_pids:
                raise
            self._prefork.kill_spares()  # they hold the descriptors that this needs
            return open_pipes(output=False)

    def _run_spare_of_ours(self, slot: int, ends: Ends, assignment: Assignment | None) -> int:
        self._loop.close()
        return self._run_spare(slot, ends, assignment)

    def _run_spare(self, slot: int, ends: Ends, assignment: Assignment | None = None) -> int:
        return run_spare(ends, self._counter_page.at(slot), self._kept, self._pid, assignment)

    def _run_child(self, main: Callable[[], int]) -> int:
        self._loop.close()
        return main()


def _limits(spec: ChildSpec) -> RecyclingLimits | None:
    return limits_of(spec, random_fraction()) if is_recycled(spec) else None


def _assignment(
    spec: ChildSpec,
    path: str,
    incarnation: int,
    limits: RecyclingLimits | None,
    signs: "Signs | None",
) -> Assignment:
    assert not isinstance(spec.start, SupervisorSpec)
    return Assignment(
        path,
        incarnation,
        **as_dict(spec.start),
        shutdown=seconds_of(spec.shutdown),
        stop_signal=int(stop_signal_of(spec)),  # the enum is on pages of its own
        surroundings=None if spec.surroundings == NODES else spec.surroundings,
        max_messages=_max_messages(spec, limits),
        notify="" if signs is None else signs.address,
        fd=None if signs is None else signs.fd,
    )


def _max_messages(spec: ChildSpec, limits: RecyclingLimits | None) -> tuple[int, int] | None:
    if limits is None or limits.messages is None:
        return None
    assert spec.max_messages is not None
    return limits.messages, int(spec.max_messages.limit)
