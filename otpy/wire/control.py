"""The messages on the pipes between a supervisor and its children."""

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import msgspec

from otpy.core.exits import ExitReason, Recycled
from otpy.core.messages import Answer, Reload, Request, StartMany
from otpy.core.spec import DEFAULT_SHUTDOWN_S, ChildSpec
from otpy.core.surroundings import Surroundings
from otpy.errors import OtpyError
from otpy.events import Event
from otpy.wire.gateway import TreeRow
from otpy.wire.sys_messages import SysRequest

Path: TypeAlias = tuple[str, ...]
"""Ids from the receiver down to the process that is meant; empty for the receiver itself."""

# ---- down: from a supervisor to a child ------------------------------------------------------


class Assignment(NamedTuple):
    """Assigns a child to a process that was forked ahead, or for it, which becomes its worker.

    Flat, since each of a thousand workers reads one: `target` with its arguments, or `argv`.
    `shutdown` is its budget in seconds, None for infinity. `surroundings` is None for the node's.
    `max_messages`: after how many it ends to be replaced, and the limit that its reason names.
    `notify` is the value of NOTIFY_SOCKET, if it has one. `fd` is the number that a program has the
    descriptor under that comes with `TakeDescriptor`. `sockets` are the names of those that it asks
    the node for. `watchdog` is for how many seconds
    a program may give no sign of life, if it has to give any.
    `durable` is what a commit of its state survives, in the words of `Durability`.
    With `inherits_output` an `OwnOutput` follows.
    """

    path: str
    incarnation: int
    target: str = ""
    args: tuple[object, ...] = ()
    kwargs: dict[str, object] = {}  # noqa: RUF012  # never changed
    argv: tuple[str, ...] = ()
    instance: int | None = None
    name: str = ""
    shutdown: float | None = DEFAULT_SHUTDOWN_S
    stop_signal: int = 15
    surroundings: Surroundings | None = None
    max_messages: tuple[int, int] | None = None
    notify: str = ""
    watchdog: float | None = None
    fd: int | None = None
    inherits_output: bool = False
    sockets: tuple[str, ...] = ()
    durable: str | None = None


class TakeDescriptor(NamedTuple):
    """The descriptor that the child's program has under the number `fd` is beside this."""


class Prepare(NamedTuple):
    """Become a spare of the child: import its module, answer with `Prepared`, and wait.

    `Become` follows when it is needed; `child` is its assignment, but for what that brings.
    """

    child: Assignment


class StandBy(NamedTuple):
    """The child that this is a spare of has closed its pipe: most probably `Become` follows."""


class Become(NamedTuple):
    """A spare is its child from now on, with these fields in its `Assignment`.

    The rest of it has come with `Prepare`: so this is short, and soon written and read.
    """

    incarnation: int
    max_messages: tuple[int, int] | None = None
    notify: str = ""
    fd: int | None = None

    def made_of(self, prepared: Assignment) -> Assignment:
        """Return the assignment, given the one that came with `Prepare`."""
        return prepared._replace(
            incarnation=self.incarnation,
            max_messages=self.max_messages,
            notify=self.notify,
            fd=self.fd,
        )


@dataclass(frozen=True, slots=True)
class OwnOutput:
    """The two descriptors beside this are the node's own stdout and stderr."""


class Respecified(NamedTuple):
    """The child goes on with other values of these fields of its `Assignment`."""

    stop_signal: int
    log_level: int | str | None


@dataclass(frozen=True, slots=True)
class ShutDown:
    """End in order, and by that time of the monotonic clock; None leaves all the time.

    `for_good`: it will not be restarted.
    """

    until: float | None = None
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Retire:
    """End in order and with `reason`, after the messages that have arrived."""

    reason: Recycled


@dataclass(frozen=True, slots=True)
class HaltNow:
    """A supervisor is to end itself and everything below it now."""


class Address(NamedTuple):
    """One incarnation of a process of the tree."""

    path: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Serve the process that holds the other ends of the two pipes beside this: read, write.

    `peer` is a worker of the same tree, which speaks `otpy.wire.peer`; without one it is a
    client, which speaks `otpy.wire.link`. A third descriptor is a hand-off socket: a packet
    socket, each packet of which brings the two of one more client.
    """

    token: int
    path: Path
    peer: Address | None = None


class DownNotification(NamedTuple):
    """The process at `address`, which the receiver monitors by `number`, has ended."""

    number: int
    address: Address
    reason: str


class ExitNotification(NamedTuple):
    """The process at `address`, which the receiver is linked to, has ended."""

    address: Address
    reason: str


class Notify(NamedTuple):
    """Deliver `notification` to a worker, if it is still that incarnation."""

    path: Path
    incarnation: int
    notification: DownNotification | ExitNotification


@dataclass(frozen=True, slots=True)
class SendSignal:
    """Send a signal to the process."""

    number: int


@dataclass(frozen=True, slots=True)
class StartTask:
    """Start `spec`, whose id is never given again, and connect the sender to it.

    Beside it are the ends of a link; and the pidfd of the sender if the child is to end when
    that does. Answered by `LinkOpened`, or by `Answered` with what is wrong.
    """

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class StopProcess:
    """End a worker in order and with `reason`, unless it is another incarnation by now."""

    incarnation: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Ask:
    """Answer `request`, or pass it on along `path`.

    `peer` is the worker of the same tree that asks; without one it is a client.
    """

    token: int
    path: Path
    request: "AskRequest"
    peer: Address | None = None


@dataclass(frozen=True, slots=True)
class ReloadNode:
    """To the node: run what a file says from now on; empty is the file that is run.

    With `instances` of a child instead, only their number is changed.
    """

    file: str = ""
    child: str = ""
    instances: int = 0


AskRequest: TypeAlias = (
    Request | Reload | StartMany | SendSignal | StartTask | StopProcess | ReloadNode | SysRequest
)


class Forget(NamedTuple):
    """The sender waits no more for the answer to a message that had descriptors beside it."""

    token: int


# ---- up: from a child to its supervisor ------------------------------------------------------


class Ready(NamedTuple):
    """Init has returned.

    `trap_exit`: it wants to be told to shut down, not signalled. `answers_sys`: it answers system
    messages.
    """

    trap_exit: bool = True
    answers_sys: bool = True


class UsesStore(NamedTuple):
    """The state of the server is stored: the next one is to find what that needs imported."""


class Announced(NamedTuple):
    """The process says that it is ready: `otpy.ready()` was called in it."""


class Prepared(NamedTuple):
    """A spare has imported the module of its child."""


class Outdated(NamedTuple):
    """What a spare has read is not what is on the disk; it cannot become the child, and ends."""


@dataclass(frozen=True, slots=True)
class IgnoreStart:
    """Init returned `Ignore`; the process ends now."""


@dataclass(frozen=True, slots=True)
class Exiting:
    """The process ends now, for `reason`; `message` is what it had in hand."""

    reason: ExitReason
    message: str = ""


class Retiring(NamedTuple):
    """A server takes no more messages, and ends to be replaced; `terminate` follows."""

    reason: Recycled


@dataclass(frozen=True, slots=True)
class Publish:
    """The events at or below the sender, oldest first."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """The link was handed to the worker; the worker's pidfd is beside this."""

    token: int
    path: str
    pid: int
    incarnation: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to an `Ask`, or why a link could not be opened. `pids` are the children's."""

    token: int
    answer: "Answer | RawReply | OtpyError | LinkLost"
    pids: dict[str, int]


@dataclass(frozen=True, slots=True)
class RawReply:
    """An answer that clients get as it is: plain data, or MessagePack that no relay reads.

    Attributes:
        value: Plain data that MessagePack carries.
        packed: MessagePack; if there is any, it stands for the value.
    """

    value: object = None
    packed: bytes = b""

    @property
    def content(self) -> object:
        """The value, to be written as MessagePack."""
        return msgspec.Raw(self.packed) if self.packed else self.value


@dataclass(frozen=True, slots=True)
class LinkLost:
    """A supervisor on the way ended before it had passed the ends of the link on: try again."""


class Connect(NamedTuple):
    """Connect the sender to process `name`; the other ends of a link are beside this.

    Answered by `LinkOpened`, or by `Answered` with what is wrong.
    """

    name: str


class Whereis(NamedTuple):
    """Return the row of the tree of process `name`."""

    name: str


class GetExitInfo(NamedTuple):
    """Return why an incarnation ended, as an `ExitInfo`, as soon as that is known."""

    address: Address


class ExitInfo(NamedTuple):
    """The exit reason of an incarnation, and its traceback."""

    reason: str
    traceback: str


class AskProcess(NamedTuple):
    """Forward a request and its descriptors to process `name`, a supervisor or a worker.

    `starting`: the sender is in its init, which the supervisors above it wait for.
    """

    name: str
    request: Request | StartMany | StartTask | StopProcess | SysRequest
    starting: bool = False


class MonitorTo(NamedTuple):
    """Notify the sender, with this number, once process `name` has ended, or is not there."""

    number: int
    name: str


class Demonitor(NamedTuple):
    """Undo the `MonitorTo` of this number."""

    number: int


class LinkTo(NamedTuple):
    """When the sender or process `name` ends, the other gets an `ExitNotification`.

    If there is none, the sender gets one at once if it traps exits; else that is an error.
    """

    name: str
    trap_exit: bool


class Unlink(NamedTuple):
    """Undo `LinkTo`."""

    name: str


MAX_REGISTERED: Final = 1 << 16
"""Bytes that a key of the registry, or a value there, may have: the node keeps them."""


class RegisterName(NamedTuple):
    """Register the sender alone as `name`."""

    name: str


class Register(NamedTuple):
    """Register the sender under `key`, with `value`; both are MessagePack."""

    key: bytes
    value: bytes


class Unregister(NamedTuple):
    """Remove the sender's registration under `key`."""

    key: bytes


class Lookup(NamedTuple):
    """Answer which processes are registered under `key`, with `Entries`."""

    key: bytes


class RegistryEntry(NamedTuple):
    """A process that is registered under a key, with a value in MessagePack."""

    address: Address
    pid: int
    value: bytes


class Entries(NamedTuple):
    """The processes that are registered under a key, the first to register first."""

    entries: tuple[RegistryEntry, ...]


class GetSockets(NamedTuple):
    """Answer with the sockets of these names beside it, `MAX_SOCKETS` at most."""

    names: tuple[str, ...]


MAX_SOCKETS: Final = 8
"""As many descriptors as one message carries."""


NodeOperation: TypeAlias = (
    Connect
    | Whereis
    | GetExitInfo
    | AskProcess
    | MonitorTo
    | Demonitor
    | LinkTo
    | Unlink
    | RegisterName
    | Register
    | Unregister
    | Lookup
    | GetSockets
)


class NodeRequest(NamedTuple):
    """From a worker, by way of its supervisors, to the node, which knows all processes."""

    token: int
    sender: Address
    operation: NodeOperation


NodeAnswer: TypeAlias = TreeRow | ExitInfo | Entries | OtpyError | None


class NodeReply(NamedTuple):
    """The node's answer to a `NodeRequest` that is no `Connect`."""

    token: int
    answer: NodeAnswer


@dataclass(frozen=True, slots=True)
class StopNode:
    """From the gateway to the node: a client asked for an orderly stop."""


@dataclass(frozen=True, slots=True)
class HandlerFailed:
    """To the node: a handler of events fails, for `reason`; `lost` events were not handed to it."""

    handler: str
    reason: str
    lost: int


@dataclass(frozen=True, slots=True)
class Listen:
    """From the node to the gateway: from now on accept clients on the socket beside this."""


# ---- which of them may come from below ---------------------------------------------------------

FromWorker: TypeAlias = (
    Ready
    | Announced
    | UsesStore
    | Prepared
    | Outdated
    | IgnoreStart
    | Retiring
    | Exiting
    | NodeRequest
    | Answered
    | Forget
)
"""The messages that a worker may send up: it runs the user's code, and may have other rights."""

FromSupervisor: TypeAlias = FromWorker | Publish | LinkOpened

FromGateway: TypeAlias = Ready | OpenLink | Ask | NodeRequest | Forget | StopNode | HandlerFailed
