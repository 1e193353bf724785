"""Start the processes of children."""

import contextlib
import importlib
import os
import signal
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING

from otpy.core.log import LogTo
from otpy.core.numbers import Numbers
from otpy.core.recycling import RecyclingLimits, is_recycled, limits_of
from otpy.core.spec import ChildSpec, SupervisorSpec, is_durable, seconds_of
from otpy.core.surroundings import NODES
from otpy.runtime.bootstrap import Bootstrap, Outlets
from otpy.runtime.child_pipes import Pipes, open_pipes
from otpy.runtime.control_channel import GATEWAY, SUPERVISOR, WORKER, end_of_supervisor
from otpy.runtime.counters import CounterPage
from otpy.runtime.node_log import Source
from otpy.runtime.record_fields import as_dict
from otpy.runtime.supervisor.child import Child, stop_signal_of
from otpy.runtime.supervisor.output import ChildOutput, Sinks, target_of
from otpy.runtime.supervisor.prefork import PreforkedProcess, PreforkPool
from otpy.runtime.supervisor.spares import Spare
from otpy.runtime.supervisor.stack_dumps import StackDumps
from otpy.runtime.worker.main import run_forked, watch_forks
from otpy.system.allocator import fill_pools
from otpy.system.c_heap import fill_heap
from otpy.system.descriptor import Descriptor, close_all
from otpy.system.entropy import random_fraction
from otpy.system.fork_server import Ends, ForkServer
from otpy.system.marks import NO_INCARNATION
from otpy.system.message_socket import NotSent
from otpy.system.spawn import fork_watched
from otpy.system.wait import reap, send_signal
from otpy.system.warnings import warn_of_failure
from otpy.wire.control import (
    Assignment,
    Become,
    OwnOutput,
    Prepare,
    Respecified,
    TakeDescriptor,
)

if TYPE_CHECKING:
    from otpy.runtime.supervisor.readiness import Signs


class Spawner:
    """Starts the processes of a supervisor's children.

    Args:
        sinks: Where the workers' output goes.
        outlets: What supervisors log to, and what workers may print to.
        inherited_fds: Descriptors that the supervisors and the gateway hold, the lock's first.
        run_other: Runs a child that is no worker, in the forked process; returns its exit status.

    Attributes:
        stacks: Of the workers.
    """

    def __init__(
        self,
        sinks: Sinks,
        outlets: Outlets,
        inherited_fds: tuple[int, ...],
        run_other: Callable[[ChildSpec, Bootstrap], int],
    ) -> None:
        self._sinks, self._loop, self._outlets = sinks, sinks.loop, outlets
        self._inherited_fds, self._run_other = inherited_fds, run_other
        self._pid = os.getpid()
        self._counter_page = CounterPage()
        watch_forks()
        self.stacks = StackDumps(self._loop)
        self._kept: tuple[int, ...] = ()
        self._workers = 0
        server = ForkServer(self._run_forked, self._prepare_server, lambda: self._kept)
        self._prefork = PreforkPool(self._run_forked_here, self._counter_page, server)

    @property
    def pids_ahead(self) -> AbstractSet[int]:
        """Pids of the preforked processes and of the fork server."""
        return self._prefork.pids

    def ended_ahead(self, pid: int) -> bool:
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
        if is_durable(spec):
            self.import_durable()
        self._kept = (self.stacks.prepare().fileno(),)
        limits = _limits(spec)
        signs = self._signs(spec)
        assignment = _assignment(spec, path, incarnation, limits, signs)
        try:
            process = self._prefork.take(assignment, self._workers, ahead)
            spare = self._spare(process, assignment, spec, path, incarnation)
        except (OSError, MemoryError):
            if signs is not None:
                signs.close()
            raise
        child = self._child(spare, incarnation, limits, signs)
        self._prefork.refill(self._workers, ahead)
        return child

    def become(self, spare: Spare, incarnation: int) -> Child:
        """Make a child of its spare.

        Raises:
            OSError: As `spawn_worker`.
        """
        limits = _limits(spare.spec)
        try:
            signs = self._signs(spare.spec)
        except (OSError, MemoryError):
            spare.output.finish()
            spare.channel.close()
            self._prefork.discard(spare.process)
            raise
        spare.channel.send(
            Become(
                incarnation,
                _max_messages(spare.spec, limits),
                "" if signs is None else signs.address,
                None if signs is None else signs.fd,
            )
        )
        # Only now: the process begins meanwhile.
        spare.output.become(incarnation)
        child = self._child(spare, incarnation, limits, signs)
        child.was_spare = True
        return child

    def respec(self, child: Child, spec: ChildSpec) -> None:
        """Give a child that runs another spec, and a worker what it has to know of that."""
        child.spec, child.limits = spec, _limits(spec)
        if child.output is not None:
            child.output.log_to(target_of(spec.log))
        if child.kind == "worker":
            with contextlib.suppress(NotSent):
                child.channel.send(
                    Respecified(int(stop_signal_of(spec)), spec.surroundings.log_level)
                )

    def _child(
        self,
        spare: Spare,
        incarnation: int,
        limits: RecyclingLimits | None,
        signs: "Signs | None",
    ) -> Child:
        """Return the child that a process is now, which has been told so."""
        self._workers += 1
        process = spare.process
        child = Child(
            spec=spare.spec,
            incarnation=incarnation,
            path=spare.path,
            pid=process.pid,
            pidfd=process.pidfd,
            channel=spare.channel,
            output=spare.output,
            counters=self._counter_page.at(process.slot),
            slot=process.slot,
            limits=limits,
            signs=signs,
            born=spare.born,
        )
        if signs is not None and (given := signs.take_given()) is not None:
            child.channel.send(TakeDescriptor(), (given,))
        if spare.spec.log is LogTo.INHERIT:
            child.channel.send(OwnOutput(), self._own_output())
        return child

    def _own_output(self) -> list[Descriptor]:
        """Return the node's own stdout and stderr; nothing if there are too many open files."""
        owned: list[Descriptor] = []
        try:
            owned.extend(Descriptor(os.dup(fd)) for fd in self._outlets[1:])
        except OSError as error:
            close_all(owned)
            warn_of_failure(error)
            return []
        return owned

    def spawn_spare(self, spec: ChildSpec, path: str) -> Spare:
        """Fork a spare of a child.

        Raises:
            OSError: As `spawn_worker`.
        """
        if is_durable(spec):
            self.import_durable()
        order = Prepare(_assignment(spec, path, NO_INCARNATION, None, None))
        self._kept = (self.stacks.prepare().fileno(),)
        process = self._prefork.take_for_later(order)
        return self._spare(process, order, spec, path, NO_INCARNATION)

    def import_durable(self) -> None:
        """Import what a durable server needs, before it is forked: it takes a while."""
        importlib.import_module("otpy.runtime.worker.durable.start")

    def keep_for_spares(self, has_spares: bool) -> None:
        """Note whether some children have spares, which a fork server forks."""
        if self._prefork.has_spares != has_spares:
            self._prefork.has_spares = has_spares
            self._prefork.shrunk(self._workers)

    def _spare(
        self,
        process: PreforkedProcess,
        order: Assignment | Prepare,
        spec: ChildSpec,
        path: str,
        incarnation: int,
    ) -> Spare:
        """Have the output of a process read, and send it its order unless it knows."""
        try:
            source = Source(path, incarnation)
            output = ChildOutput(process.pipes.output, source, target_of(spec.log), self._sinks)
        except OSError:
            self._prefork.discard(process)
            raise
        channel = end_of_supervisor(process.pipes.control, WORKER)
        if not process.knows:
            channel.send(order)
        return Spare(spec, path, process, channel, output)

    def free(self, slot: int) -> None:
        """Release the counters of a spare that is gone."""
        self._counter_page.free(slot)

    def _signs(self, spec: ChildSpec) -> "Signs | None":
        if spec.ready is None and not spec.watches_program:
            return None
        # Not above: a tree without such children does without it.
        from otpy.runtime.supervisor.readiness import Signs  # noqa: PLC0415

        return Signs(self._loop, spec.ready, notifies=spec.watches_program)

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
                self._outlets,
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
            if not self.pids_ahead:
                raise
            self._prefork.end_all()  # they hold the descriptors that this needs
            return open_pipes(output=False)

    def _run_forked_here(self, slot: int, ends: Ends, order: Assignment | Prepare | None) -> int:
        self._loop.close()
        return self._run_forked(slot, ends, order)

    def _run_forked(self, slot: int, ends: Ends, order: Assignment | Prepare | None = None) -> int:
        return run_forked(ends, self._counter_page.at(slot), self._kept, self._pid, order)

    def _prepare_server(self) -> None:
        self._loop.close()
        fill_pools()
        fill_heap()

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
    start = as_dict(spec.start)
    for of_supervisor in ("spare", "listening"):
        start.pop(of_supervisor, None)
    return Assignment(
        path,
        incarnation,
        **start,
        shutdown=seconds_of(spec.shutdown),
        stop_signal=int(stop_signal_of(spec)),  # the enum is on pages of its own
        surroundings=None if spec.surroundings == NODES else spec.surroundings,
        max_messages=_max_messages(spec, limits),
        notify="" if signs is None else signs.address,
        watchdog=spec.watchdog if spec.watches_program else None,
        fd=None if signs is None else signs.fd,
        inherits_output=spec.log is LogTo.INHERIT,
    )


def _max_messages(spec: ChildSpec, limits: RecyclingLimits | None) -> tuple[int, int] | None:
    if limits is None or limits.messages is None:
        return None
    assert spec.max_messages is not None
    return limits.messages, int(spec.max_messages.limit)
