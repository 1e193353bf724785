"""Carry out the decisions of a supervisor: with processes, in a simulation, elsewhere.

`decide` returns actions; a `Runtime` does them, and lets the supervisor know by events what came
of each. Nothing in the core depends on what a child is.
"""

from typing import Protocol, assert_never

from otpy.core.exits import ExitReason, Recycled
from otpy.core.messages import (
    Action,
    Answer,
    CancelTimer,
    Emit,
    FailStart,
    GiveUp,
    Halt,
    Kill,
    Report,
    Respec,
    Retire,
    SendReply,
    SetTimer,
    Start,
    Stop,
    Up,
)
from otpy.core.spec import ChildSpec


class Runtime(Protocol):
    """Carries out the decisions of one supervisor.

    A child is named by its id and its incarnation, one of those that `start` was called for and
    whose end has not been told yet. No method waits for what it begins.
    """

    def start(self, spec: ChildSpec, incarnation: int) -> None:
        """Start a child; answered by `Started`, `Ignored` or `StartFailure`."""

    def stop(self, child: str, incarnation: int) -> None:
        """Ask a child to end; answered by `Exited`, or by `StartFailure` while it starts."""

    def retire(self, child: str, incarnation: int, reason: Recycled) -> None:
        """Ask a child to end after its message in hand; answered by `EndBegun`, then as `stop`."""

    def kill(self, child: str, incarnation: int) -> None:
        """End a child and what it has started, at once; answered as `stop`."""

    def fail_start(self, child: str, incarnation: int) -> None:
        """Kill a child that is not up in time; answered by `StartFailure` with `StartTimeout`."""

    def halt(self, child: str, incarnation: int) -> None:
        """End a worker as `kill` does; send a supervisor `HaltAsked`."""

    def respec(self, spec: ChildSpec, incarnation: int) -> None:
        """Have a child that runs go on with another spec."""

    def set_timer(self, child: str, incarnation: int, seconds: float) -> None:
        """Answer with `TimedOut` after `seconds`, unless the child has ended before.

        A child that has no process waits for it to be started again. It takes the place of a
        timer that the child has.
        """

    def cancel_timer(self, child: str) -> None:
        """Do not answer with the `TimedOut` of a child."""

    def reply(self, token: int, answer: Answer) -> None:
        """Answer the `Requested` with this token."""

    def emit(self, report: Report) -> None:
        """Publish a decision."""

    def on_booted(self) -> None:
        """Report to the parent that all children are started."""

    def give_up(self, reason: ExitReason) -> None:
        """End this supervisor; all its children are gone."""


def perform(action: Action, runtime: Runtime) -> None:
    """Carry out in `runtime` what the core has decided."""
    match action:
        case Start(spec=spec, incarnation=incarnation):
            runtime.start(spec, incarnation)
        case Stop() | Retire() | Kill() | FailStart() | Halt():
            _end(action, runtime)
        case Respec(spec=spec, incarnation=incarnation):
            runtime.respec(spec, incarnation)
        case SetTimer() | CancelTimer():
            _perform_with_timer(action, runtime)
        case SendReply(token=token, answer=answer):
            runtime.reply(token, answer)
        case Emit(report=report):
            runtime.emit(report)
        case Up():
            runtime.on_booted()
        case GiveUp(reason=reason):
            runtime.give_up(reason)
        case _:
            assert_never(action)


def _end(action: Stop | Retire | Kill | FailStart | Halt, runtime: Runtime) -> None:
    match action:
        case Stop(child=child, incarnation=incarnation):
            runtime.stop(child, incarnation)
        case Retire(child=child, incarnation=incarnation, reason=reason):
            runtime.retire(child, incarnation, reason)
        case Kill(child=child, incarnation=incarnation):
            runtime.kill(child, incarnation)
        case FailStart(child=child, incarnation=incarnation):
            runtime.fail_start(child, incarnation)
        case Halt(child=child, incarnation=incarnation):
            runtime.halt(child, incarnation)


def _perform_with_timer(action: SetTimer | CancelTimer, runtime: Runtime) -> None:
    match action:
        case SetTimer(child=child, incarnation=incarnation, seconds=seconds):
            runtime.set_timer(child, incarnation, seconds)
        case CancelTimer(child=child):
            runtime.cancel_timer(child)
