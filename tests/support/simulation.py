"""A whole supervision tree without a process: machines and scripted workers in one thread.

Every supervisor is a state of `otpy.core`, every worker a record of what it is going to do.
What they log is described in tests/data/otp-traces/FORMAT.md, ``Events``.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final, TypeAlias

from otpy.core.exits import (
    ExitReason,
    Killed,
    Recycled,
    Shutdown,
    Stopped,
)
from otpy.core.messages import (
    Answer,
    BootAsked,
    Event,
    Exited,
    HaltAsked,
    Ignored,
    Report,
    Request,
    Requested,
    Started,
    StartFailure,
    StopAsked,
    TimedOut,
)
from otpy.core.numbers import Numbers
from otpy.core.runtime import perform
from otpy.core.spec import (
    ChildSpec,
    NoBudget,
    ServerStart,
    SupervisorSpec,
)
from otpy.core.state import SupervisorState, new_supervisor
from otpy.core.supervisor import decide
from tests.support.incarnations import numbers_after

Entry: TypeAlias = list[str | int]
"""One line of the log, for example ``["init", "a", 1, "ok"]``."""

ROOT: Final = "root"
START_OF_TIME: Final = 7000.3  # odd, so that a real clock would show


@dataclass(frozen=True, slots=True)
class Script:
    """What a worker will do: the one argument of its spec's `ServerStart`.

    Attributes:
        init: The outcomes of its first starts, ``ok``, ``error`` or ``ignore``; then ``ok``.
        traps: Its terminate callback runs when its supervisor stops it.
        hangs: That callback never returns.
    """

    init: tuple[str, ...]
    traps: bool
    hangs: bool

    def outcome(self, start: int) -> str:
        return self.init[start - 1] if start <= len(self.init) else "ok"


# ---- the processes -----------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Supervisor:
    """A running supervisor: its machine, and where it stands in the tree."""

    id: str
    incarnation: int
    parent: "Supervisor | None"
    state: SupervisorState
    is_up: bool = False
    answers: dict[int, Answer] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Worker:
    """A running worker; one that is `stuck` hangs in its terminate callback."""

    id: str
    incarnation: int
    parent: Supervisor
    script: Script
    is_brutally_killed: bool
    stuck: bool = False


Process: TypeAlias = Supervisor | Worker


class World:
    """Performs what the machines decide, at once, and lets them know."""

    def __init__(self, spec: SupervisorSpec) -> None:
        self.log: list[Entry] = []
        self.end: ExitReason | None = None  # root's
        self._now = START_OF_TIME
        self._processes: dict[str, Process] = {}
        self._incarnations: Counter[str] = Counter()
        self._starts: dict[str, Numbers] = {}  # under earlier lives of a supervisor
        self._events: deque[tuple[Supervisor, Event]] = deque()
        self._timers: list[tuple[float, int, Supervisor, TimedOut]] = []
        self._waits: dict[str, int] = {}  # which timer a child without a process waits for
        self._numbers = count(1)
        self._open(Supervisor(ROOT, 1, None, new_supervisor(spec)))
        self.settle()

    # ---- what a scenario sees and does ---------------------------------------------------------

    def alive(self) -> dict[str, int]:
        return {p.id: p.incarnation for p in self._processes.values() if p.id != ROOT}

    def supervisor(self, id_: str) -> Supervisor | None:
        process = self._processes.get(id_)
        return process if isinstance(process, Supervisor) else None

    def worker(self, id_: str) -> Worker | None:
        process = self._processes.get(id_)
        return process if isinstance(process, Worker) else None

    def ask(self, supervisor: Supervisor, request: Request) -> Answer:
        token = next(self._numbers)
        self.post(supervisor, Requested(token, request))
        self.settle()
        return supervisor.answers[token]

    def stop(self, supervisor: Supervisor) -> None:
        self.post(supervisor, StopAsked())
        self.settle()

    def end_worker(self, worker: Worker, word: str, reason: ExitReason) -> None:
        """End a worker by itself: its terminate callback runs, trapping or not."""
        if not worker.stuck:
            self._terminate(worker, word)
            worker.stuck = worker.script.hangs
            if not worker.stuck:
                self.process_ended(worker, reason)
        self.settle()

    def kill(self, process: Process) -> list[Entry]:
        """Kill a process and return what its orphans log: they are gone when its parent hears."""
        orphans = self.end_at_once(process)
        self.settle()
        return orphans

    # ---- time ----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Run everything until the tree is at rest; time passes only while it waits."""
        while self._step():
            pass

    def _step(self) -> bool:
        if self._events:
            supervisor, event = self._events.popleft()
            if self._is_alive(supervisor):
                self._deliver(supervisor, event)
            return True
        if self._timers:
            due, number, supervisor, event = heapq.heappop(self._timers)
            if self._is_alive(supervisor) and self._is_waited_for(number, event):
                self._now = max(self._now, due)
                self.post(supervisor, event)
            return True
        return False

    def _is_waited_for(self, number: int, event: TimedOut) -> bool:
        if self._waits.get(event.child) == number:
            del self._waits[event.child]
            return True
        process = self._processes.get(event.child)
        return process is not None and process.incarnation == event.incarnation

    def _deliver(self, supervisor: Supervisor, event: Event) -> None:
        supervisor.state, actions = decide(supervisor.state, event, self._now)
        for action in actions:
            perform(action, Simulated(self, supervisor))

    def post(self, supervisor: Supervisor | None, event: Event) -> None:
        if supervisor is not None:
            self._events.append((supervisor, event))

    # ---- what `Simulated` does -----------------------------------------------------------------

    def start_child(self, parent: Supervisor, spec: ChildSpec, incarnation: int) -> None:
        assert spec.id not in self._processes, f"two incarnations of {spec.id}"
        self._incarnations[spec.id] += 1
        assert incarnation == self._incarnations[spec.id], f"{spec.id} is miscounted"
        if isinstance(spec.start, SupervisorSpec):
            self.log.append(["sup_init", spec.id, incarnation])
            state = new_supervisor(spec.start, self._starts.get(spec.id))
            self._open(Supervisor(spec.id, incarnation, parent, state))
        else:
            self._start_worker(parent, spec, incarnation)

    def _open(self, supervisor: Supervisor) -> None:
        self._processes[supervisor.id] = supervisor
        self.post(supervisor, BootAsked())

    def _start_worker(self, parent: Supervisor, spec: ChildSpec, incarnation: int) -> None:
        assert isinstance(spec.start, ServerStart)
        (script,) = spec.start.args
        assert isinstance(script, Script)
        outcome = script.outcome(incarnation)
        self.log.append(["init", spec.id, incarnation, outcome])
        match outcome:
            case "ok":
                brutal = spec.shutdown == NoBudget.BRUTAL_KILL
                self._processes[spec.id] = Worker(spec.id, incarnation, parent, script, brutal)
                self.post(parent, Started(spec.id, incarnation))
            case "ignore":
                self.post(parent, Ignored(spec.id, incarnation))
            case _:
                self.post(parent, StartFailure(spec.id, incarnation, Stopped("init_failed")))

    def stop_process(self, process: Process) -> None:
        if isinstance(process, Supervisor):
            self.post(process, StopAsked())
            return
        if process.script.traps:
            if process.stuck:
                return
            self._terminate(process, "shutdown")
            if process.script.hangs:
                process.stuck = True
                return
        self.process_ended(process, Shutdown())

    def halt_process(self, process: Process) -> None:
        if isinstance(process, Supervisor):
            self.post(process, HaltAsked())
        else:
            self.process_ended(process, Killed())

    def wake_later(self, supervisor: Supervisor, event: TimedOut, seconds: float) -> None:
        number = next(self._numbers)
        heapq.heappush(self._timers, (self._now + seconds, number, supervisor, event))
        if event.child not in self._processes:
            self._waits[event.child] = number

    def wake_no_more(self, id_: str) -> None:
        self._waits.pop(id_, None)  # it may have run out just now

    # ---- ends ----------------------------------------------------------------------------------

    def _terminate(self, worker: Worker, reason: str) -> None:
        self.log.append(["terminate", worker.id, worker.incarnation, reason])

    def process_ended(self, process: Process, reason: ExitReason) -> None:
        self._remove(process)
        self._announce(process, reason)

    def end_at_once(self, process: Process) -> list[Entry]:
        self._remove(process)
        orphans = self._abandon(process) if isinstance(process, Supervisor) else []
        self._announce(process, Killed())
        return orphans

    def _remove(self, process: Process) -> None:
        del self._processes[process.id]
        if isinstance(process, Supervisor):
            self._starts[process.id] = numbers_after(process.state)
            for one in process.state.children.values():
                self.wake_no_more(one.spec.id)

    def _announce(self, process: Process, reason: ExitReason) -> None:
        if process.parent is None:
            self.end = reason
        elif isinstance(process, Supervisor) and not process.is_up:
            self.post(process.parent, StartFailure(process.id, process.incarnation, reason))
        else:
            self.post(process.parent, Exited(process.id, process.incarnation, reason))

    def _abandon(self, supervisor: Supervisor) -> list[Entry]:
        """End all below a killed supervisor: workers at once, supervisors in order."""
        with self._logged_apart() as log:
            for process in self._below(supervisor):
                if isinstance(process, Supervisor):
                    self.post(process, StopAsked())
                    continue
                if process.script.traps and not process.stuck:
                    self._terminate(process, "killed")
                self._remove(process)
            while self._below(supervisor):
                self._step()
        return sorted(entry[1:] for entry in log)

    @contextmanager
    def _logged_apart(self) -> Iterator[list[Entry]]:
        log, self.log = self.log, []
        try:
            yield self.log
        finally:
            self.log = log

    def _below(self, supervisor: Supervisor) -> list[Process]:
        return [p for p in self._processes.values() if p.parent is supervisor]

    def process(self, id_: str, incarnation: int) -> Process:
        process = self._processes[id_]
        assert process.incarnation == incarnation
        return process

    def _is_alive(self, process: Process) -> bool:
        return self._processes.get(process.id) is process


class Simulated:
    """The runtime of one supervisor of a world."""

    def __init__(self, world: World, supervisor: Supervisor) -> None:
        self._world, self._supervisor = world, supervisor

    def start(self, spec: ChildSpec, incarnation: int) -> None:
        self._world.start_child(self._supervisor, spec, incarnation)

    def stop(self, child: str, incarnation: int) -> None:
        self._world.stop_process(self._world.process(child, incarnation))

    def retire(self, child: str, incarnation: int, reason: Recycled) -> None:
        raise AssertionError(f"{child} has no limits, got {incarnation}, {reason}")

    def kill(self, child: str, incarnation: int) -> None:
        self._world.end_at_once(self._world.process(child, incarnation))

    def fail_start(self, child: str, incarnation: int) -> None:
        raise AssertionError(f"{child} has no start_timeout")

    def halt(self, child: str, incarnation: int) -> None:
        self._world.halt_process(self._world.process(child, incarnation))

    def respec(self, spec: ChildSpec, incarnation: int) -> None:
        self._world.process(spec.id, incarnation)

    def set_timer(self, child: str, incarnation: int, seconds: float) -> None:
        self._world.wake_later(self._supervisor, TimedOut(child, incarnation), seconds)

    def cancel_timer(self, child: str) -> None:
        self._world.wake_no_more(child)

    def reply(self, token: int, answer: Answer) -> None:
        self._supervisor.answers[token] = answer

    def emit(self, report: Report) -> None:
        """Publish nothing: nobody listens."""

    def on_booted(self) -> None:
        supervisor = self._supervisor
        supervisor.is_up = True
        self._world.post(supervisor.parent, Started(supervisor.id, supervisor.incarnation))

    def give_up(self, reason: ExitReason) -> None:
        self._world.process_ended(self._supervisor, reason)
