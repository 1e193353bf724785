"""The exceptions of otpy: one class for each way a caller can react.

    OtpyError
    ├── NodeNotFound        no such node runs; start it, or name another
    ├── NodeAlreadyRunning  a node of that name runs; stop it first
    ├── RuntimeDirError     the directory of the nodes' sockets cannot be used
    ├── SpecError           a tree is described wrongly; the text is at fault
    ├── ProtocolError       the other end does not speak otpy's protocol
    │   └── FrameTooLarge   a message is over `max_frame`
    ├── NotSendable         MessagePack cannot carry this value
    ├── NoProcess           no process has that name, or it is stopped for good
    │   └── SeveralInstances  the name is that of several; otpy picks one by itself
    ├── CallingSelf         a process called itself, and would wait for ever
    ├── CallTimeout         no reply in time; it is unknown whether it ran
    ├── ProcessDown         it died before it answered
    ├── Refused             the server understood and said no
    ├── UnknownRequest      the server has no handler for this request
    ├── SupervisorError     a supervisor said no, with OTP's reason
    ├── StorageError        the state of a durable server cannot be stored, or read
    └── StartFailed         a child's init failed

Every one survives pickling, since errors cross processes.
"""

from collections.abc import Sequence


class OtpyError(Exception):
    """The base of every error that otpy raises on purpose.

    Attributes:
        remote: Another process answered with it. A server that does not catch such an error
            crashes, also of `Refused`: only what it raised by itself is its own answer.
    """

    remote: bool = False


class NodeNotFound(OtpyError):
    """No node of that name runs, or none at all, or more than one and none was named."""


class NodeAlreadyRunning(OtpyError):
    """A node of this name runs already; `pid` is its process."""

    def __init__(self, name: str, pid: int) -> None:
        super().__init__(name, pid)
        self.name, self.pid = name, pid

    def __str__(self) -> str:
        return (
            f"node {self.name!r} is already running with pid {self.pid}; "
            f"stop it with `otpy -n {self.name} shutdown`, or give this one another `name:`"
        )


class RuntimeDirError(OtpyError):
    """The directory that holds the nodes' sockets is not ours, not private or too long."""


class SpecError(OtpyError):
    """A supervision tree is described wrongly; `mistakes` has one line for each mistake."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(tuple(mistakes))
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        return "\n".join(self.mistakes)


class ProtocolError(OtpyError):
    """The other end sent what otpy's protocol does not allow."""


class FrameTooLarge(ProtocolError):
    """A message of `size` bytes is over the `limit`; it was not sent, or not read."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(size, limit)
        self.size, self.limit = size, limit

    def __str__(self) -> str:
        return f"message of {self.size} bytes is over max_frame, which is {self.limit} bytes"


class NotSendable(OtpyError):
    """MessagePack cannot carry this value; the text names its type."""


class NoProcess(OtpyError):
    """No process has that name, or it is stopped for good."""


class SeveralInstances(NoProcess):
    """The name is that of `count` instances, whose paths are ``path/0``, ``path/1`` ...

    A sender picks one of them; no other code has to know of this error. `loads`
    tells how many messages each has, as its supervisor sees it; -1 of one that is not up.
    """

    def __init__(self, path: str, count: int, loads: Sequence[int] = ()) -> None:
        super().__init__(path, count, loads)
        self.path, self.count, self.loads = path, count, loads

    def __str__(self) -> str:
        return f"{self.path!r} has {self.count} instances; name one of them"


class CallingSelf(OtpyError):
    """A process called itself: it cannot answer while it waits (gen_server's ``calling_self``)."""


class CallTimeout(OtpyError):
    """No reply came in time. The server may still have done the work.

    Attributes:
        request_id: Of a call with ``once``: with it the call may be repeated.
    """

    request_id: str | None = None


class ProcessDown(OtpyError):
    """The process died before it answered.

    Attributes:
        reason: Its exit reason, for example ``killed`` or ``error: ZeroDivisionError: ...``.
        traceback: The remote traceback as text; empty unless an exception ended it.
        request_id: Of a call with ``once``: with it the call may be repeated.
    """

    request_id: str | None = None

    def __init__(self, reason: str, traceback: str = "") -> None:
        super().__init__(reason, traceback)
        self.reason, self.traceback = reason, traceback

    def __str__(self) -> str:
        return self.reason


class Refused(OtpyError):
    """The server understood the request and refused it; it goes on, its state intact."""


class UnknownRequest(OtpyError):
    """The server has no handler for this request; it goes on, its state intact."""


class StorageError(OtpyError):
    """The state of a durable server cannot be stored, or read; it ends with this reason."""


class NotReloaded(OtpyError):
    """A reload did not succeed; the tree runs as before.

    Attributes:
        reason: Why.
        child: Path of the child that failed to start; empty if it was something else.
    """

    def __init__(self, reason: str, child: str = "") -> None:
        super().__init__(reason, child)
        self.reason, self.child = reason, child

    def __str__(self) -> str:
        return f"{self.child} failed to start: {self.reason}" if self.child else self.reason


class SupervisorError(OtpyError):
    """A supervisor refused an operation.

    Attributes:
        reason: OTP's word for it: ``not_found``, ``running``, ``restarting``,
            ``already_started``, ``already_present``, ``bad_combination`` or ``max_children``.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class StartFailed(OtpyError):
    """A child could not be started; `reason` is what its init ended with."""

    def __init__(self, reason: str, traceback: str = "") -> None:
        super().__init__(reason, traceback)
        self.reason, self.traceback = reason, traceback

    def __str__(self) -> str:
        return self.reason
