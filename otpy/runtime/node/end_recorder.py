"""From the events of a node to the record of how its processes ended, and of what was done then."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, Protocol

from msgspec.structs import replace

from otpy.events import (
    AutoShutdown,
    ChildBackingOff,
    ChildEnded,
    ChildFailed,
    ChildRemoved,
    ChildReplacing,
    ChildRestarting,
    ChildStarted,
    ChildStartFailed,
    ChildStopped,
    Event,
    GaveUp,
    NodeStopped,
    NodeStopping,
)
from otpy.runtime.directory import Ended
from otpy.wire.ends import OUT_OF_MEMORY, Cause, End, Then, killed_node
from otpy.wire.paths import GATEWAY, NODE, child_path

_MOST_CHARS: Final = 16_000
"""Of each text of an end."""

_UNDER_WAY: Final = ("restarting", "backing off")

_MOST_OPEN: Final = 1 << 14


class Store(Protocol):
    """Where ends are kept."""

    def add(self, end: End) -> None:
        """Note an end."""

    def follow(self, path: str, then: Then) -> None:
        """Note what was done about the last end of a path, in place of what was noted before."""


class EndRecorder:
    """Follows the events of a node.

    Args:
        store: Where the ends are kept.
        boot: The run of the node.
    """

    def __init__(self, store: Store, boot: str) -> None:
        self._store, self._boot = store, boot
        self._open: OrderedDict[str, tuple[float, Then | None]] = OrderedDict()
        """When those ended that may be started again, and what was done about it so far."""
        self._causes: dict[str, Cause] = {}
        self._stopping = ""

    def died_without_notice(self, node: dict[str, Any], last_heard: float | None) -> None:
        """Note the end of an earlier run, of which only its facts are left: it was killed.

        Args:
            node: The facts, as in `node.json`.
            last_heard: When it wrote its last event, as Unix time.
        """
        self._store.add(killed_node(node, last_heard))

    def node_ended(self, event: NodeStopped, pid: int, started_at: float) -> None:
        """Note the end of this run."""
        ended_well = event.reason == "in order"
        self._store.add(
            End(
                path=NODE,
                at=event.at,
                boot=self._boot,
                kind="node",
                pid=pid,
                reason=(self._stopping or "shutdown") if ended_well else event.reason,
                asked=bool(self._stopping),
                clean=ended_well,
                uptime=event.at - started_at,
                cause=self._causes.pop(NODE, None) or self._causes.pop("", None),
            )
        )

    def note(self, event: Event, ended: Iterable[Ended] = ()) -> None:
        """Note an event, and which processes have ended by it: others may have ended with it."""
        match event:
            case ChildEnded() | ChildStartFailed():
                self._ended(event)
                for each in ended:
                    if each.address.path != event.path:
                        self._ended_with(each, event)
            case GaveUp(path=path, child=id_):
                self._gave_up(event, _child_of(path, id_))
            case AutoShutdown(path=path, child=id_):
                child = _child_of(path, id_)
                self._causes[path] = Cause(did="shut down", child=child)
                self._then(child, Then(did="shut down", at=event.at))
            case ChildStarted():
                self._started(event)
            case NodeStopping(why=why):
                self._stopping = f"shutdown: {why}"
            case _:
                self._decided(event)

    def _ended(self, event: ChildEnded | ChildStartFailed) -> None:
        was_up = isinstance(event, ChildEnded)
        if not was_up and (known := self._open.get(event.path)) is not None:
            at, then = known
            then = then or Then(did="restarted", at=at)
            self._then(
                event.path,
                replace(then, incarnation=event.incarnation, pid=event.pid, failed=True),
            )
        more: dict[str, Any] = {}
        if isinstance(event, ChildEnded):
            more = {
                "clean": event.clean,
                "overdue": event.overdue,
                "message": _cut(event.message),
                "messages": event.messages,
            }
        else:
            more = {"waited_for": _cut(event.waited_for)}
        self._add(
            End(
                path=event.path,
                at=event.at,
                boot=self._boot,
                kind="gateway" if event.path == GATEWAY else event.kind,
                pid=event.pid,
                incarnation=event.incarnation,
                reason=_cut(event.reason),
                was_up=was_up,
                asked=event.asked,
                signal=event.signal,
                status=event.status,
                core_dumped=event.core_dumped,
                oom=event.reason == OUT_OF_MEMORY,
                traceback=_cut(event.traceback),
                output=_cut(event.output),
                stacks=_cut(event.stacks),
                peak_memory=event.peak_memory,
                uptime=event.uptime,
                cause=self._causes.pop(event.path, None),
                **more,
            )
        )

    def _ended_with(self, each: Ended, event: ChildEnded | ChildStartFailed) -> None:
        """Note the end of a process below a supervisor that ended before it could report it."""
        self._add(
            End(
                path=each.address.path,
                at=event.at,
                boot=self._boot,
                kind=each.kind,
                pid=each.pid,
                incarnation=each.address.incarnation,
                reason=each.exit_info.reason,
                signal="SIGKILL",
                uptime=max(0.0, event.at - each.started_at),
                with_supervisor=event.path,
            )
        )

    def _add(self, end: End) -> None:
        self._store.add(end)
        self._open[end.path] = end.at, None
        self._open.move_to_end(end.path)
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)

    # ---- what was done -----------------------------------------------------------------------

    def _gave_up(self, event: GaveUp, child: str) -> None:
        self._causes[event.path] = Cause(
            did="gave up",
            child=child,
            reason=_cut(event.reason),
            restarts=event.restarts,
            max_restarts=event.max_restarts,
            max_seconds=event.max_seconds,
        )
        self._then(child, Then(did="gave up", at=event.at, **_counts(event)))

    def _decided(self, event: Event) -> None:
        match event:
            case ChildRestarting():
                self._then(event.path, Then(did="restarting", at=event.at, **_counts(event)))
            case ChildReplacing():
                self._then(event.path, Then(did="restarting", at=event.at))
            case ChildBackingOff(retry_at=retry_at, waits_for=waits_for):
                counts = _counts(event)
                then = Then(did="backing off", at=event.at, retry_at=retry_at, **counts)
                self._then(event.path, replace(then, waits_for=waits_for))
            case ChildFailed():
                self._then(event.path, Then(did="failed", at=event.at, **_counts(event)))
            case ChildStopped():
                self._then(event.path, Then(did="stopped", at=event.at))
            case ChildRemoved():
                self._then(event.path, Then(did="removed", at=event.at))
                self._open.pop(event.path, None)
            case _:
                pass

    def _started(self, event: ChildStarted) -> None:
        if (known := self._open.pop(event.path, None)) is None:
            return
        at, then = known
        then = then or Then(did="restarted", at=event.at)
        self._store.follow(
            event.path,
            replace(
                then,
                did="restarted" if then.did in _UNDER_WAY else then.did,
                retry_at=None,
                incarnation=event.incarnation,
                pid=event.pid,
                after=max(0.0, event.at - at),
            ),
        )

    def _then(self, path: str, then: Then) -> None:
        if (known := self._open.get(path)) is None:
            return
        self._open[path] = known[0], then
        self._store.follow(path, then)


def _counts(event: ChildRestarting | ChildBackingOff | ChildFailed | GaveUp) -> dict[str, Any]:
    return {
        "restarts": event.restarts,
        "max_restarts": event.max_restarts,
        "max_seconds": event.max_seconds,
    }


def _child_of(path: str, id_: str) -> str:
    """Return the path of a child; the node's own children are the tree and the gateway."""
    if path == NODE:
        return "" if id_ == "tree" else f"@{id_}"
    return child_path(path, id_)


def _cut(text: str) -> str:
    """Shorten a text that is very long in its middle."""
    if len(text) <= _MOST_CHARS:
        return text
    half = _MOST_CHARS // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
