"""The events of a node, as frozen, printable records.

The same stream feeds the lines of ``otpy run``, ``events.jsonl``, ``otpy events`` and the
tests. Every event has `at`, the Unix time in seconds at which it was published, and `path`,
the process it is about ("" is the root supervisor). The node numbers them: `seq` is 1 for the first
event of a run of it, and one more for each that follows; `boot` is the run.
"""

from typing import Any, TypeAlias

import msgspec


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    at: float
    path: str
    seq: int = 0
    boot: str = ""

    @property
    def name(self) -> str:
        """The path, or ``root`` for the root supervisor."""
        return self.path or "root"


class ChildrenDeclared(_Event, frozen=True, kw_only=True):
    """A supervisor begins to boot.

    Attributes:
        children: Its children in start order, each as ``(id, kind)``.
    """

    children: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.name}: starting {len(self.children)} children"


class ChildAdded(_Event, frozen=True, kw_only=True):
    """A child was added by ``start_child``."""

    kind: str

    def __str__(self) -> str:
        return f"{self.name}: added"


class ChildRemoved(_Event, frozen=True, kw_only=True):
    """A child's spec is gone: a temporary child ended, or ``delete_child``.

    Attributes:
        once: The id is never given again: its incarnation number is not needed any more.
    """

    once: bool = False

    def __str__(self) -> str:
        return f"{self.name}: removed"


class ChildrenArranged(_Event, frozen=True, kw_only=True):
    """A supervisor goes on with its children in another order, after a reload.

    Attributes:
        children: The ids of those that the tree declares; others stand behind them.
    """

    children: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} has its children in another order"


class ChildStarting(_Event, frozen=True, kw_only=True):
    """A process was forked for a child; its init has not returned."""

    kind: str
    pid: int
    incarnation: int

    def __str__(self) -> str:
        return f"{self.name}: starting, pid {self.pid}"


class ChildStarted(_Event, frozen=True, kw_only=True):
    """A child is up: its init returned, and what makes it ready holds.

    Attributes:
        took: Seconds since it was forked.
    """

    kind: str
    pid: int
    incarnation: int
    took: float = 0.0

    def __str__(self) -> str:
        again = f" again (incarnation {self.incarnation})" if self.incarnation > 1 else ""
        return f"{self.name}: started{again}, pid {self.pid}"


class SparesChanged(_Event, frozen=True, kw_only=True):
    """Other spares of a child are ready now. One that becomes the child is not told.

    Attributes:
        pids: Of those that are ready.
    """

    pids: tuple[int, ...]

    def __str__(self) -> str:
        if not self.pids:
            return f"{self.name}: no spare is ready"
        count = "a spare is" if len(self.pids) == 1 else f"{len(self.pids)} spares are"
        return f"{self.name}: {count} ready, pid {', '.join(map(str, self.pids))}"


class ChildStopping(_Event, frozen=True, kw_only=True):
    """A child was asked to stop, or is being killed, by its supervisor."""

    pid: int
    incarnation: int

    def __str__(self) -> str:
        return f"{self.name}: stopping"


class ChildIgnored(_Event, frozen=True, kw_only=True):
    """A child's init returned `Ignore`: it is not needed now."""

    incarnation: int

    def __str__(self) -> str:
        return f"{self.name}: ignored its start"


class NameTaken(_Event, frozen=True, kw_only=True):
    """A process is known by a name of its own, beside its path.

    Attributes:
        taken: The name.
    """

    incarnation: int
    taken: str

    def __str__(self) -> str:
        return f"{self.name}: is {self.taken!r}"


class ChildStartFailed(_Event, frozen=True, kw_only=True):
    """A child ended before it was up.

    Attributes:
        pid: Of the process that was to be it; 0 if none could be started.
        waited_for: What was missing when its `start_timeout` was over.

    The others are as in `ChildEnded`.
    """

    incarnation: int
    reason: str
    kind: str = ""
    pid: int = 0
    asked: bool = False
    signal: str = ""
    status: int | None = None
    core_dumped: bool = False
    traceback: str = ""
    output: str = ""
    peak_memory: int = 0
    uptime: float = 0.0
    stacks: str = ""
    waited_for: str = ""

    def __str__(self) -> str:
        missing = f" (waited for: {self.waited_for})" if self.waited_for else ""
        return f"{self.name}: failed to start: {self.reason}{missing}"


class ChildEnded(_Event, frozen=True, kw_only=True):
    """A child that was up has ended: its post-mortem.

    Attributes:
        reason: The exit reason, in the words of docs/reference/exit-reasons.md.
        asked: Its supervisor had asked it to.
        overdue: Its budget was over before everything of it had ended: the rest was killed.
        clean: Whether the reason is a clean one.
        signal: The signal that ended the process, for example ``SIGKILL``; empty if none did.
        status: Its exit status; None if a signal ended it.
        core_dumped: The kernel has written a core dump.
        traceback: The Python traceback, if an exception ended it.
        message: The message in hand, shortened, if it ended with a reason of its own that is not
            clean.
        output: Its last lines on stdout and stderr.
        peak_memory: The most resident memory (RSS) that its process had, in bytes: that is what
            the kernel keeps. Of a command not less than that of the process that executed it.
        uptime: Seconds since it was forked.
        messages: How many it had taken out of its mailbox, the one in hand included.
        stacks: The Python stacks of one that hung, taken before it was killed.
    """

    kind: str
    pid: int
    incarnation: int
    reason: str
    asked: bool
    clean: bool
    overdue: bool = False
    signal: str = ""
    status: int | None = None
    core_dumped: bool = False
    traceback: str = ""
    message: str = ""
    output: str = ""
    peak_memory: int = 0
    uptime: float = 0.0
    messages: int = 0
    stacks: str = ""

    def __str__(self) -> str:
        late = "; its shutdown budget was over: what was left of it was killed"
        end = late if self.overdue else ""
        if self.asked and self.reason in ("shutdown", "killed"):
            return f"{self.name}: stopped ({self.reason}){end}"
        return f"{self.name}: ended: {self.reason}{end}"


def _count(restarts: int, max_restarts: int | None, max_seconds: float) -> str:
    """Write how many restarts there were, of how many that are allowed."""
    if max_restarts is None:
        return f"{restarts} in {max_seconds:g} s"
    return f"{restarts} of {max_restarts} in {max_seconds:g} s"


class ChildRestarting(_Event, frozen=True, kw_only=True):
    """A child is started again; `restarts` counts those inside the window."""

    reason: str
    restarts: int
    max_restarts: int | None
    max_seconds: float

    def __str__(self) -> str:
        over = self.max_restarts is not None and self.restarts > self.max_restarts
        count = _count(self.restarts, self.max_restarts, self.max_seconds)
        pause = "; after a pause" if over else ""
        return f"{self.name}: restarting after {self.reason} ({count}{pause})"


class ChildReplacing(_Event, frozen=True, kw_only=True):
    """A child that was recycled is started again: alone, and without being counted."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: replacing it after {self.reason}"


class ChildBackingOff(_Event, frozen=True, kw_only=True):
    """A child that failed waits for its next start; so do those of its group.

    Attributes:
        reason: Why it failed, or the one that it waits for.
        restarts: Those inside the window.
        max_restarts: So many are allowed; None for any number.
        max_seconds: The window.
        wait: Seconds until the next start.
        retry_at: The Unix time of the next start, in seconds.
        waits_for: The path of the child of its group that failed; empty if it failed itself.
    """

    reason: str
    restarts: int
    max_restarts: int | None
    max_seconds: float
    wait: float
    retry_at: float
    waits_for: str = ""

    def __str__(self) -> str:
        if self.waits_for:
            return f"{self.name}: waits with {self.waits_for}"
        count = _count(self.restarts, self.max_restarts, self.max_seconds)
        wait = f"{self.wait * 1000:.0f} ms" if self.wait < 1 else f"{self.wait:.1f} s"
        return f"{self.name}: backing off for {wait} after {self.reason} ({count})"


class ChildFailed(_Event, frozen=True, kw_only=True):
    """A child failed more often than its own limits allow: it stays down until it is started.

    `restarts` is 0 if it was started on request, and failed again; and if it is a supervisor that
    gave up: `reason` says on which child, then, and why that had ended.
    """

    reason: str
    restarts: int
    max_restarts: int | None
    max_seconds: float

    def __str__(self) -> str:
        why = (
            f" (restart {self.restarts} within {self.max_seconds:g} s would be one too many; "
            f"max_restarts is {self.max_restarts})"
            if self.restarts
            else ""
        )
        return (
            f"{self.name}: FAILED with {self.reason!r}, and stays down{why}; "
            f"`otpy start {self.name}` starts it again"
        )


class ChildStopped(_Event, frozen=True, kw_only=True):
    """A child that waited for its next start, or had failed, was stopped on request."""

    def __str__(self) -> str:
        return f"{self.name}: stopped, and not started again"


class GaveUp(_Event, frozen=True, kw_only=True):
    """The supervisor at `path` ends, since `child` had to be restarted once too often."""

    child: str
    reason: str
    restarts: int
    max_restarts: int | None
    max_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.name}: giving up: child {self.child!r} ended with {self.reason!r}, which "
            f"would be restart {self.restarts} within {self.max_seconds:g} s; "
            f"max_restarts is {self.max_restarts}"
        )


class AutoShutdown(_Event, frozen=True, kw_only=True):
    """The supervisor at `path` ends, since its significant `child` has."""

    child: str

    def __str__(self) -> str:
        return f"{self.name}: shutting down, since significant child {self.child!r} has ended"


class EssentialEnded(_Event, frozen=True, kw_only=True):
    """An essential child has ended and is not restarted: the node ends, with its exit status."""

    reason: str

    def __str__(self) -> str:
        return f"{self.name}: is essential, and has ended: {self.reason}"


class NodeStarted(_Event, frozen=True, kw_only=True):
    """The node runs and its tree is up."""

    node: str
    pid: int

    def __str__(self) -> str:
        return f"{self.node} is up, pid {self.pid}"


class NodeRestarted(_Event, frozen=True, kw_only=True):
    """The guardian of the node (``otpy run --heart``) has started it again; its tree starts now.

    Attributes:
        restarts: How often the guardian has done so.
        reason: How the run before this one ended.
    """

    node: str
    restarts: int
    reason: str

    def __str__(self) -> str:
        times = "once" if self.restarts == 1 else f"{self.restarts} times"
        return f"{self.node} was started again ({times} so far): the run before {self.reason}"


class NodeStopping(_Event, frozen=True, kw_only=True):
    """The node stops in order.

    Attributes:
        why: The cause.
    """

    node: str
    why: str

    def __str__(self) -> str:
        return f"{self.node} is stopping: {self.why}"


class NodeStopped(_Event, frozen=True, kw_only=True):
    """The node has ended; nothing of it is left."""

    node: str
    reason: str

    def __str__(self) -> str:
        return f"{self.node} has stopped: {self.reason}"


class FilesRestored(_Event, frozen=True, kw_only=True):
    """Files of the node were removed, replaced or closed, and are back as they were.

    Attributes:
        files: Their names.
    """

    node: str
    files: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.node}: removed or changed by somebody, now put back: {', '.join(self.files)}"


class ReloadBegun(_Event, frozen=True, kw_only=True):
    """The node begins to change the tree that runs.

    Attributes:
        node: Its name.
        config: The tree's file; empty if only a number of instances is changed.
        changes: What is about to be done, in order: the path of a child, ``add``, ``remove``,
            ``restart``, ``recreate``, ``move`` or ``live``, and the fields that differ.
    """

    node: str
    config: str
    changes: tuple[tuple[str, str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        return f"node {self.node} reloads: {_counted(self.changes)}"


class Reloaded(_Event, frozen=True, kw_only=True):
    """The tree that runs is as its file says now.

    Attributes:
        node: The node's name.
        config: The tree's file.
        changes: What was done, as of `ReloadBegun`; nothing if there was nothing to do.
    """

    node: str
    config: str
    changes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def __str__(self) -> str:
        done = _counted(self.changes) if self.changes else "nothing to do"
        return f"node {self.node} has reloaded: {done}"


class ReloadFailed(_Event, frozen=True, kw_only=True):
    """A reload did not succeed: the tree runs as before.

    Attributes:
        node: The node's name.
        config: The tree's file.
        reason: Why.
        child: Path of the child that failed to start; empty if it was something else.
        changes: What was begun, as of `ReloadBegun`, and put back; nothing if the file is wrong.
    """

    node: str
    config: str
    reason: str
    child: str = ""
    changes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def __str__(self) -> str:
        child = f"{self.child} failed to start: " if self.child else ""
        return f"node {self.node} has not reloaded, all is as before: {child}{self.reason}"


def _counted(changes: tuple[tuple[str, str, tuple[str, ...]], ...]) -> str:
    return ", ".join([f"{kind} {path or 'root'}" for path, kind, _ in changes])


class EventHandlerFailed(_Event, frozen=True, kw_only=True):
    """A handler of ``on_event`` fails; not told again before it has handled an event well.

    Attributes:
        handler: The program, or the server.
        reason: What went wrong.
        lost: So many events were not handed to it, since too many waited.
    """

    handler: str
    reason: str
    lost: int = 0

    def __str__(self) -> str:
        count = "1 event was" if self.lost == 1 else f"{self.lost} events were"
        lost = f"; {count} not handed to it" if self.lost else ""
        return f"{self.name}: {self.handler}: {self.reason}{lost}"


class EventsLost(_Event, frozen=True, kw_only=True):
    """So many events are missing here; `seq` is that of the last of them.

    They could not be written into `events.jsonl`, or were not read in time.

    Attributes:
        count: How many.
        reason: Why.
    """

    count: int
    reason: str

    def __str__(self) -> str:
        events = "event is" if self.count == 1 else "events are"
        return f"{self.count} {events} missing here: {self.reason}"


Event: TypeAlias = (
    ChildrenDeclared
    | ChildAdded
    | ChildRemoved
    | ChildrenArranged
    | ChildStarting
    | ChildStarted
    | ChildStopping
    | ChildIgnored
    | NameTaken
    | SparesChanged
    | ChildStartFailed
    | ChildEnded
    | ChildRestarting
    | ChildReplacing
    | ChildBackingOff
    | ChildFailed
    | ChildStopped
    | GaveUp
    | AutoShutdown
    | EssentialEnded
    | NodeStarted
    | NodeRestarted
    | NodeStopping
    | NodeStopped
    | FilesRestored
    | ReloadBegun
    | Reloaded
    | ReloadFailed
    | EventHandlerFailed
    | EventsLost
)


def event_to_data(event: Event) -> dict[str, Any]:
    """Turn an event into plain data; the key ``event`` holds its class name."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    return data


def event_from_data(data: object) -> Event:
    """Turn plain data back into an event."""
    event: Event = msgspec.convert(data, Event)
    return event
