"""System messages to a process (sys.erl), and the events of a trace."""

from typing import ClassVar

import msgspec


class SysRequest(msgspec.Struct, frozen=True, array_like=True):
    """A system message: a request about one process; each subclass is a request of its own.

    This is the one table of them. The gateway, the supervisors on the way, the workers, the
    references of clients and workers and the command line read it; a further request has a
    subclass here, a method in `otpy.aio.links.sys_calls`, and what serves it: an entry in
    `otpy.runtime.worker.introspection`; in `otpy.runtime.supervisor.sys_requests` if the process
    is not to be asked itself; a case in `otpy.runtime.worker.sys_messages` if its server is not.
    Its fields are its arguments: builtin types, and `object` for values of the user's.

    Attributes:
        operation: Its name, for clients.
        asks_supervisor: The supervisor of the process answers, at once, and whatever the process
            does. Else the server itself does it, between two messages, once it is up.
        repeatable: It may be sent again when the gateway was killed before it answered.
        expected: The end of the error's text for a process that cannot serve it.
        command: The help of the command of that name, if there is one without a module.
        kinds: All of them, by `operation`.
    """

    operation: ClassVar[str] = ""
    asks_supervisor: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True
    expected: ClassVar[str] = ", not a server"
    command: ClassVar[str] = ""
    kinds: "ClassVar[dict[str, type[SysRequest]]]" = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        SysRequest.kinds[cls.operation] = cls


class GetState(SysRequest, frozen=True):
    """Return the state."""

    operation = "get_state"


class ReplaceState(SysRequest, frozen=True):
    """Set these attributes, all or none; return the new state.

    Raises:
        TypeError: They are not a mapping of names.
    """

    operation = "replace_state"
    repeatable = False
    attributes: dict[str, object]

    def __post_init__(self) -> None:
        names = self.attributes if isinstance(self.attributes, dict) else (None,)
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"attributes is a mapping of names, got {self.attributes!r:.100}")


class BackUp(SysRequest, frozen=True):
    """Write a copy of a durable server's state into a new file, as of now.

    The server serves nothing meanwhile. Returns its size in bytes.

    Raises:
        TypeError: The path is no absolute one.
    """

    operation = "back_up"
    repeatable = False
    path: str

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path.startswith("/"):
            raise TypeError(f"path is an absolute path of a new file, got {self.path!r:.100}")


class Suspend(SysRequest, frozen=True):
    """Stop taking messages until `Resume`."""

    operation = "suspend"


class Resume(SysRequest, frozen=True):
    """Take messages again."""

    operation = "resume"


class CollectGarbage(SysRequest, frozen=True):
    """Free objects that only refer to each other; return how many there were."""

    operation = "garbage_collect"
    command = """Free what a server keeps and cannot reach any more.

    Prints how many objects that were: those that only refer to each other.
    """


class Trace(SysRequest, frozen=True):
    """Write what is received and answered into the pipe beside this."""

    operation = "trace"


class ReadCounters(SysRequest, frozen=True):
    """Return the `Statistics` of a worker, or of all workers of a supervisor, as a list.

    For clients it takes {name, below}: with `below` it is about all the workers of a supervisor.
    """

    operation = "statistics"
    asks_supervisor = True
    expected = "; it has no statistics"


class DumpStacks(SysRequest, frozen=True):
    """Return the Python stacks of a worker, as `faulthandler` writes them."""

    operation = "stack"
    asks_supervisor = True
    expected = ", not a worker"


class TraceEvent(msgspec.Struct, frozen=True, array_like=True):
    """A message that a traced process took out of its mailbox, or an answer that it sent.

    Attributes:
        at: Unix time in seconds.
        kind: ``call``, ``cast``, ``info``, ``reply`` or ``error``.
        call: The same for a call and for its answer; empty for the rest.
        text: The request, the message or the answer, shortened.
        dropped: The number of events missing before this one, since they were not read in time.
    """

    at: float
    kind: str
    call: str
    text: str
    dropped: int = 0
