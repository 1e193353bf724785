"""What one may ask a server beside its messages (OTP's sys)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from otpy.errors import CallTimeout
from otpy.links.deadline import DEFAULT_TIMEOUT_S, TooLate, deadline_of

if TYPE_CHECKING:
    from otpy.client.node import Node
    from otpy.client.trace import TraceStream

T = TypeVar("T")


class SystemCalls:
    """The part of a reference that talks to the server's supervision, not to its handlers.

    System messages overtake whatever waits in the mailbox, and are served between two messages:
    a server that is busy with one answers when it is done with it. All of these wait for a
    process that is being restarted, and raise `CallTimeout`, `NoProcess` (nor is a supervisor, a
    command or a function a server) and `ProcessDown`.
    """

    name: str
    node: "Node"

    def get_state(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> Any:
        """Return the attributes of the server's instance, as its `format_status` shows them.

        What MessagePack cannot carry, and what is very large, is there as its shortened text.
        """
        return self._system("get_state", {}, timeout)

    def replace_state(
        self, attributes: dict[str, Any], *, timeout: float | None = DEFAULT_TIMEOUT_S
    ) -> Any:
        """Give attributes of the server's instance other values; return the state then.

        Raises:
            Refused: It has no such attribute, or setting one raised; the state is as it was.
            NotSendable: MessagePack cannot carry a value.
        """
        return self._system("replace_state", {"attributes": attributes}, timeout, repeatable=False)

    def suspend(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Have the server take no messages until `resume`: calls wait, and time out.

        Its supervisor may stop it as ever; system messages are served.
        """
        self._system("suspend", {}, timeout)

    def resume(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> None:
        """Have the server take messages again."""
        self._system("resume", {}, timeout)

    def trace(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> "TraceStream":
        """Iterate over what the server receives and answers from now on.

        The `timeout` is for its begin.
        """
        return self._within(timeout, lambda deadline: self.node.trace(self.name, deadline))

    def stack(self, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> str:
        """Tell the Python stacks of all threads of a worker, even when it is stuck.

        A signal has it write them, which ends a system call that C code may be in (EINTR).

        Raises:
            NoProcess: There is no such process at this moment, or it is no Python worker.
            ProcessDown: It died meanwhile.
            CallTimeout: It is stopped, or blocks the signal.
        """
        return str(self._system("stack", {}, timeout))

    def _system(
        self,
        operation: str,
        arguments: dict[str, Any],
        timeout: float | None,
        *,
        repeatable: bool = True,
    ) -> Any:
        asked = {"name": self.name, **arguments}
        return self._within(
            timeout,
            lambda deadline: self.node.ask_until(
                operation, asked, deadline, shape=Any, repeatable=repeatable
            ),
        )

    def _within(self, timeout: float | None, ask: Callable[[float | None], T]) -> T:
        try:
            return ask(deadline_of(timeout))
        except TooLate:
            raise CallTimeout(f"{self.name!r} did not answer within {timeout:g} s") from None
