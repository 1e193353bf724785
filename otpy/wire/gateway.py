"""The protocol between a client and the gateway, on the control socket: arrays of MessagePack.

    client → gateway   [number, operation, arguments]
    gateway → client   [number, OK, value]
                       [number, ERROR, class name in otpy.errors, arguments]
                       [number, EVENT, event, [position]]

Descriptors travel beside the first byte of the frame that they belong to. Operations:

    hello       {}                        {node, pid, config, boot, version}; the first one, always
    whereis     {name}                    a row of the tree
    tree        {}                        the rows, root first, depth first, in start order,
                                          then the gateway's
    connect     {name, timeout, version}  {path, pid, incarnation, hello} and three descriptors:
                                          the link's read end, its write end, the worker's pidfd.
                                          Waits for a child that is being restarted. The hello
                                          is what the worker says first on the link; to whom
                                          `version` its version of `otpy.wire.link` it may leave
                                          that out
    start_task  {supervisor, shutdown,    as `connect`: to a temporary child that runs a function
                 linked}                    once it is told to, and ends with the client if `linked`
    supervisor  {path, op, ...}           the supervisor API; path "" is the root supervisor
    signal      {name, number}            sends a signal through the child's pidfd
    statistics  {name, below}             [`Statistics`] of a worker, or with `below` of all the
                                          workers that the supervisor `name` has at this moment
    stop        {name, incarnation, reason}
                                          {reason, traceback, asked}: why that incarnation ended,
                                          and the words of the reason that it was to end with
    trace       {name}                    None and one descriptor: the read end of a pipe that
                                          the worker writes frames into, each a `TraceEvent`
    exit_info   {path, incarnation}       {reason, traceback}: why that incarnation ended
    forget      {number}                  no answer: the client waits no more for the answer to the
                                          request of that number, which brings no descriptors
    events      {follow, after, node}     EVENT for each, then OK if not follow. All that is kept;
                                          with `after` only what comes after that position, if the
                                          node's pid is still `node`. A client that does not read is
                                          sent nothing more, and an `EventsLost` for what it misses
    wait        {names, until}            the rows of these processes once each of them is
                                          ``ready`` or ``gone``, as `until` says; None for one that
                                          is in the tree no more
    lookup      {key}                     the processes registered under a key, which is MessagePack
                                          itself: [[path, incarnation], pid, value], ... as bytes
    reload      {file}                    {config, changes}: runs what a file says from now on;
                                          without one, the file that is run. `changes` are
                                          [path, kind, fields], in order
    reload      {child, instances}        as above: changes the number of instances of a child alone
    shutdown    {}                        None and the node's pidfd, as the node begins to stop

and the `operation` of each class in `otpy.wire.sys_messages`, with the name of a process and the
fields of that class: {name, ...}.

`name` is an id that is unique in the tree, or a path, or "" for the root supervisor. The
operations of `supervisor` are `which_children`, `count_children`, `start_child {spec}`,
`start_children {specs}` and `terminate_children {children}` (a list of {child} or
{error, arguments}),
`terminate_child {child}`, `restart_child {child}`, `delete_child {child}`,
`get_childspec {child}` and `get_spec` (of the supervisor itself: {fields, by_hand}, the ids of
the children that `start_child` has added).
"""

from typing import Any, Final, Literal, TypeAlias

import msgspec

from otpy.errors import ProcessDown
from otpy.wire.frames import MAX_FRAME

VERSION: Final = 2
"""Of this protocol. In version 1 some operations and arguments had other names."""

OK: Final = 0
ERROR: Final = 1
EVENT: Final = 2

MAX_REQUEST: Final = 1 << 20
"""Bytes of a request, which is never a payload."""


def request_limit(operation: str) -> int:
    """Return how many bytes a request may have: children's arguments may be large."""
    return MAX_FRAME if operation == "supervisor" else MAX_REQUEST


class GatewayRequest(msgspec.Struct, array_like=True, frozen=True):
    """One request of a client; `number` comes back with the answer."""

    number: int
    operation: str
    arguments: dict[str, Any]


class TreeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the tree.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor.
        kind: ``supervisor``, ``worker`` or ``command``.
        state: ``waiting`` (for its first start, after others), ``starting``, ``running``,
            ``stopping``, ``restarting``, ``backoff`` (it waits for its next start), ``failed`` (it
            stays down until it is started) or ``stopped``.
        pid: Of the present incarnation; None when there is no process.
        incarnation: How often it was started.
        restarts: How often it came up again after its first start.
        started_at: Unix time in seconds; None when there is no process.
        reason: Why it ended last; empty if it never did.
        retry_at: Unix time in seconds of the next start of one in ``backoff``; else None.
        spares: Pids of the processes that have imported its module, and become it when it dies.
        took: Seconds from the start of this incarnation until it was ready; None before that.
    """

    path: str
    kind: str
    state: str
    pid: int | None = None
    incarnation: int = 0
    restarts: int = 0
    started_at: float | None = None
    reason: str = ""
    retry_at: float | None = None
    spares: tuple[int, ...] = ()
    took: float | None = None

    @property
    def takes_casts(self) -> bool:
        """Whether a cast may arrive: a supervisor's children may run in any state of its own."""
        return self.state == "running" or (self.kind == "supervisor" and self.pid is not None)


Until: TypeAlias = Literal["ready", "gone"]

WaitRow: TypeAlias = TreeRow | None


class ReloadResult(msgspec.Struct, frozen=True):
    """What a reload has done.

    Attributes:
        config: The tree's file; empty if only a number of instances was changed.
        changes: In the order in which they were done; nothing if there was nothing to do.
    """

    config: str
    changes: tuple[tuple[str, str, tuple[str, ...]], ...]


class StopResult(msgspec.Struct, frozen=True):
    """The exit reason of a stopped process, and the reason that was requested."""

    reason: str
    traceback: str
    asked: str

    def check(self) -> None:
        """Raise `ProcessDown` if that was not as asked."""
        if self.reason != self.asked:
            raise ProcessDown(self.reason, self.traceback)


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of a worker, as its supervisor reads them without asking the worker.

    Attributes:
        path: Its path in the tree.
        pid: Of this incarnation.
        incarnation: How often it was started.
        uptime: Seconds since its start.
        messages: How many it took out of its mailbox, the one in hand included.
        casts: How many of them were casts.
        infos: How many of them were neither casts nor calls.
        busy: For how many seconds it has been at work on what it has in hand, be it a message or
            its init; None while it waits for messages.
        queue: Messages that it has read and not yet taken; others wait in its senders' pipes.
        suspended: It takes no messages until it is resumed.
    """

    path: str
    pid: int
    incarnation: int
    uptime: float
    messages: int
    busy: float | None
    queue: int
    suspended: bool = False
    casts: int = 0
    infos: int = 0

    @property
    def calls(self) -> int:
        """The number of calls among its messages."""
        return max(0, self.messages - self.casts - self.infos)
