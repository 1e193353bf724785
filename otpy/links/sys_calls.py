# Generated from otpy/aio/links/sys_calls.py by scripts/generate_blocking.py; do not edit.

"""System messages to a process (OTP's sys), and its orderly stop."""

from typing import Any, Protocol, TypeVar

from otpy.links.deadline import DEFAULT_TIMEOUT_S, within
from otpy.wire.gateway import Statistics, StopResult
from otpy.wire.sys_messages import (
    BackUp,
    CollectGarbage,
    DumpStacks,
    GetState,
    ReadCounters,
    ReplaceState,
    Resume,
    Suspend,
    SysRequest,
)

T = TypeVar("T")


class SysCaller(Protocol):
    """Sends system requests to processes, by their names."""

    def _sys_call(
        self, name: str, request: SysRequest, deadline: float | None, shape: type[T]
    ) -> T:
        """Ask a process, or the supervisor that watches it; raises `TooLate` and `NoProcess`."""

    def _stop_process(self, name: str, reason: object, deadline: float | None) -> StopResult:
        """Stop a process in order, and return how it ended; raises likewise."""


class SystemCalls:
    """The part of a reference that talks to the server's supervision, not to its handlers.

    System messages overtake whatever waits in the mailbox, and are served between two messages:
    a server that is busy with one answers when it is done with it. All of these wait for a
    process that is being restarted, and raise `CallTimeout`, `NoProcess` (nor is a supervisor, a
    command or a function a server), `ProcessDown`, and `CallingSelf` in the server itself.
    """

    name: str
    _node: SysCaller

    def get_state(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Return the attributes of the server's instance, as its `format_status` shows them.

        What MessagePack cannot carry, and what is very large, is there as its shortened text.
        """
        return self._sys_call(GetState(), timeout, Any)

    def replace_state(
        self, attributes: dict[str, Any], *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> Any:
        """Replace attributes of the server's instance; return the state then.

        Raises:
            Refused: It has no such attribute, or setting one raised; the state is as it was.
            NotSendable: MessagePack cannot carry a value.
            FrameTooLarge: The attributes have more than a mebibyte.
            TypeError: They are not a mapping of names.
        """
        return self._sys_call(ReplaceState(attributes), timeout, Any)

    def back_up(self, path: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> int:
        """Write a copy of a durable server's state into a new file; return its size in bytes.

        It is as the last commit has left it. The server serves nothing meanwhile.

        Args:
            path: Absolute; the server itself makes the file.
            timeout: Seconds above zero, or None for ever.

        Raises:
            Refused: The server is not durable, or the file cannot be made.
            TypeError: The path is no absolute one.
        """
        return self._sys_call(BackUp(path), timeout, int)

    def garbage_collect(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> int:
        """Free objects of the server that only refer to each other; return how many there were.

        Python does so by itself, but an idle server may keep them for long.
        """
        return self._sys_call(CollectGarbage(), timeout, int)

    def suspend(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Suspend the server: it takes no messages until `resume`; calls wait, and time out.

        Its supervisor may stop it as ever; system messages are served.
        """
        self._sys_call(Suspend(), timeout, Any)

    def resume(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Resume the server: it takes messages again."""
        self._sys_call(Resume(), timeout, Any)

    def statistics(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Statistics:
        """Return the statistics of the process. Its supervisor answers, however stuck it is itself.

        Raises:
            NoProcess: There is no such process at this moment, or it is none that takes messages.
            ProcessDown: Its supervisor died before it answered.
        """
        (row,) = self._sys_call(ReadCounters(), timeout, tuple[Statistics])
        return row

    def stack(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> str:
        """Return the Python stacks of all threads of a worker, even when it is stuck.

        A signal has it write them, which ends a system call that C code may be in (EINTR).

        Raises:
            NoProcess: There is no such process at this moment, or it is no Python worker.
            ProcessDown: It died meanwhile.
            CallTimeout: It is stopped, or blocks the signal.
        """
        return self._sys_call(DumpStacks(), timeout, str)

    def stop(self, reason: object = "normal", *, timeout: float | None = None) -> None:
        """Stop the process with `reason`, and wait until it is gone.

        It handles what was sent to it before, then `terminate` runs. Its supervisor treats the
        end as one of the process's own doing: a permanent child comes back.

        Args:
            reason: As in ``Stop(reason)``.
            timeout: Seconds above zero, or None for as long as it takes.

        Raises:
            NoProcess: There is no such process at this moment, or it takes no messages.
            ProcessDown: It ended with another reason than asked for.
            CallTimeout: It is not gone yet. It ends all the same, unless it never comes to it.
            CallingSelf: It is this process.
        """
        with within(timeout, f"{self.name!r} did not end") as deadline:
            told = self._node._stop_process(self.name, reason, deadline)
        told.check()

    def _sys_call(self, request: SysRequest, timeout: float | None, shape: type[T]) -> T:
        with within(timeout, f"{self.name!r} did not answer") as deadline:
            return self._node._sys_call(self.name, request, deadline, shape)
