"""The processes of the tree, built from the published events: a view, never the authority."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from otpy.core.spec import ServerStart, SupervisorSpec, kind_of
from otpy.errors import NoProcess
from otpy.events import (
    ChildAdded,
    ChildBackingOff,
    ChildEnded,
    ChildFailed,
    ChildIgnored,
    ChildRemoved,
    ChildrenArranged,
    ChildrenDeclared,
    ChildReplacing,
    ChildRestarting,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    ChildStopped,
    ChildStopping,
    Event,
    NameTaken,
    SparesChanged,
)
from otpy.runtime.recent_exits import RecentExits
from otpy.system.wait import is_alive
from otpy.wire.control import Address, ExitInfo, Path
from otpy.wire.gateway import TreeRow
from otpy.wire.paths import BESIDE, GATEWAY, LOGGER, ON_EVENT, child_path

_WITH_SUPERVISOR: Final = ExitInfo("killed", "")
_DOWN: Final = ("stopped", "failed")
_NOT_NEEDED: Final = ExitInfo("normal", "")


@dataclass(slots=True)
class ProcessEntry:
    """The state of one process, as far as it is known."""

    path: str
    kind: str
    state: str = "stopped"
    pid: int | None = None
    incarnation: int = 0
    restarts: int = 0
    started_at: float | None = None
    reason: str = ""
    retry_at: float | None = None
    spares: tuple[int, ...] = ()
    took: float | None = None
    stale: bool = False
    was_up: bool = False
    children: "dict[str, ProcessEntry]" = field(default_factory=dict)

    def ended(self, reason: str) -> None:
        """It has no process any more."""
        self.state, self.pid, self.started_at, self.retry_at = "stopped", None, None, None
        self.reason, self.took = reason, None

    def row(self, state: str) -> TreeRow:
        """Return it as the clients see it, in that state."""
        return TreeRow(
            path=self.path,
            kind=self.kind,
            state=state,
            pid=self.pid,
            incarnation=self.incarnation,
            restarts=self.restarts,
            started_at=self.started_at,
            reason=self.reason,
            retry_at=self.retry_at,
            spares=self.spares,
            took=self.took,
        )


class Ended(NamedTuple):
    """An incarnation ended, and why; one that ended with its supervisor has the rest, too."""

    address: Address
    exit_info: ExitInfo
    kind: str = ""
    pid: int = 0
    started_at: float = 0.0


class Directory:
    """The tree's processes by path, and how those ended that did so lately."""

    def __init__(self) -> None:
        self._root = ProcessEntry("", "supervisor")
        self._beside = {
            GATEWAY: ProcessEntry(GATEWAY, "gateway"),
            LOGGER: ProcessEntry(LOGGER, "logger"),
        }
        self._names: dict[str, Address] = {}
        self._taken: dict[str, set[str]] = {}
        self._exits = RecentExits()

    def expect(self, path: str, spec: SupervisorSpec) -> None:
        """Note what the tree declares below `path`: it is known before it has started."""
        self._declare(path, tuple((child.id, kind_of(child)) for child in spec.children))
        for child in spec.children:
            below = child_path(path, child.id)
            if isinstance(child.start, SupervisorSpec):
                self.expect(below, child.start)
            elif isinstance(child.start, ServerStart) and child.start.name:
                self._take_name(child.start.name, Address(below, 0))

    def apply(self, event: Event) -> list[Ended]:
        """Note what happened; return which processes have ended by it."""
        if event.path == ON_EVENT and ON_EVENT not in self._beside:
            self._beside[ON_EVENT] = ProcessEntry(ON_EVENT, "on_event")
        match event:
            case ChildrenDeclared(children=children):
                self._declare(event.path, children)
            case ChildAdded(kind=kind):
                self._add(event.path, kind)
            case ChildRemoved():
                self._remove(event.path)
            case ChildrenArranged(children=ids):
                self._arrange(event.path, ids)
            case ChildEnded() | ChildStartFailed():
                exit_info = ExitInfo(event.reason, event.traceback)
                return self._ended(event, exit_info, event.reason)
            case ChildIgnored():
                return self._ended(event, _NOT_NEEDED, "ignored")
            case NameTaken(taken=name, incarnation=incarnation):
                self._take_name(name, Address(event.path, incarnation))
            case _:
                if (entry := self.find(event.path)) is not None:
                    self._update(entry, event)
        return []

    def _ended(
        self, event: ChildEnded | ChildStartFailed | ChildIgnored, exit_info: ExitInfo, reason: str
    ) -> list[Ended]:
        ended = [Ended(Address(event.path, event.incarnation), exit_info)]
        entry = self.find(event.path)
        if entry is not None:
            entry.ended(reason)
            for below in _below(entry):
                below.spares = ()
                # Its supervisor was killed before it could tell of its end.
                if below.pid is not None:
                    address = Address(below.path, below.incarnation)
                    began = below.started_at or event.at
                    ended.append(Ended(address, _WITH_SUPERVISOR, below.kind, below.pid, began))
                    below.ended(_WITH_SUPERVISOR.reason)
                elif below.state != "stopped":
                    below.ended(below.reason)  # it waited for its next start, or had failed
        for each in ended:
            self._exits.add(each.address, each.exit_info)
        return ended

    def _update(self, entry: ProcessEntry, event: Event) -> None:
        match event:
            case ChildStarting(pid=pid, incarnation=incarnation, at=at):
                entry.state, entry.pid, entry.retry_at = "starting", pid, None
                entry.incarnation, entry.started_at, entry.took = incarnation, at, None
                entry.spares = tuple([each for each in entry.spares if each != pid])
            case ChildStarted(incarnation=incarnation, took=took):
                entry.state, entry.took = "running", took
                entry.restarts += entry.was_up
                entry.was_up = True
                self._forget_names(entry.path, incarnation)
                _drop_stale(entry)
            case SparesChanged(pids=pids):
                entry.spares = pids
            case ChildStopping():
                entry.state = "stopping"
            case ChildRestarting() | ChildReplacing():
                entry.state = "restarting"
            case ChildBackingOff(retry_at=retry_at):
                entry.state, entry.retry_at = "backoff", retry_at
            case ChildFailed(reason=reason):
                entry.ended(reason)
                entry.state = "failed"
            case ChildStopped():
                entry.ended(entry.reason)
            case _:
                pass

    def find(self, path: str) -> ProcessEntry | None:
        """Find a process by its path."""
        if path == "":
            return self._root
        if path in self._beside:
            return self._beside[path]
        entry: ProcessEntry | None = self._root
        for id_ in path.split("/"):
            entry = entry.children.get(id_) if entry is not None else None
        return entry

    def registered(self, name: str) -> ProcessEntry | None:
        """Return the process that took this name, which is not its path, or is about to again."""
        entry = self._named(name)
        if entry is None or entry.path == name or entry.state in ("stopped", "failed"):
            return None
        return entry

    def holder(self, name: str) -> ProcessEntry | None:
        """Return which running process is known by `name`: a path, a name it took, a unique id."""
        try:
            entry = self.resolve(name)
        except NoProcess:
            return None
        taken = self._names.get(name)
        if (
            taken is not None
            and taken.path == entry.path
            and taken.incarnation != entry.incarnation
        ):
            return None  # its successor has not taken it
        return entry if entry.pid is not None and is_alive(entry.pid) else None

    def _named(self, name: str) -> ProcessEntry | None:
        """Find the process that took a name; between two incarnations the next is to take it."""
        if (taken := self._names.get(name)) is None:
            return None
        entry = self.find(taken.path)
        if entry is None or (entry.state == "running" and entry.incarnation != taken.incarnation):
            del self._names[name]
            return None
        return entry

    def resolve(self, name: str) -> ProcessEntry:
        """Find a process by its path, a name that it took, or its id if that is unique in the tree.

        Raises:
            NoProcess: There is none, or more than one.
        """
        if (entry := self.seek(name)) is None:
            raise NoProcess(f"no process is named {name!r}")
        return entry

    def seek(self, name: str) -> ProcessEntry | None:
        """Find a process as `resolve` does; None if there is none.

        Raises:
            NoProcess: There is more than one.
        """
        if (entry := self.find(name)) is not None:
            return entry
        if (entry := self._named(name)) is not None:
            return entry
        found = [entry for entry in _below(self._root) if entry.path.endswith(f"/{name}")]
        if len(found) == 1:
            return found[0]
        if found:
            paths = ", ".join(entry.path for entry in found)
            raise NoProcess(f"{name!r} is not unique: name one of {paths}")
        return self._root if name == "root" else None

    def is_gone(self, entry: ProcessEntry) -> bool:
        """Return whether a process has ended, and will not be started again by itself."""
        if entry.state != "stopped" or not entry.path or entry.path in BESIDE:
            return entry.state in _DOWN
        parent = self.find(entry.path.rpartition("/")[0])
        # Before its supervisor has started, or as that starts again, it waits for its turn.
        return parent is None or parent.state == "running" or self.is_gone(parent)

    def failed(self, entry: ProcessEntry) -> ProcessEntry | None:
        """Return what has failed and stays down: the process, or else a supervisor above it."""
        path, found = entry.path, entry
        while found.state != "failed":
            if not path:
                return None
            path = path.rpartition("/")[0]
            found = self.find(path) or found
        return found

    def resolve_as(self, kind: str, name: str, otherwise: str) -> ProcessEntry:
        """Find a process as `resolve` does; one of another kind is `NoProcess`, and `otherwise`."""
        return _checked(self.resolve(name), (kind,), otherwise)

    def resolve_target(self, name: str) -> ProcessEntry:
        """Find what a message may go to: a worker, or a supervisor, of instances maybe."""
        return _checked(self.resolve(name), ("worker", "supervisor"), "; it takes no messages")

    def rows(self) -> list[TreeRow]:
        """List everything: the root, then depth first in start order; last what is beside it."""
        entries = (self._root, *_below(self._root), *self._beside.values())
        return [self.row(entry) for entry in entries]

    def processes(self) -> Iterator[ProcessEntry]:
        """Yield everything below the root, depth first in start order."""
        return _below(self._root)

    def row(self, entry: ProcessEntry) -> TreeRow:
        """Return a process as the clients see it."""
        return entry.row("waiting" if self._waits_for_its_turn(entry) else entry.state)

    def _waits_for_its_turn(self, entry: ProcessEntry) -> bool:
        """Return whether it was never started, since its supervisor has not come to it yet."""
        if entry.incarnation or entry.state != "stopped" or not entry.path or entry.path in BESIDE:
            return False
        parent = self.find(entry.path.rpartition("/")[0])
        return parent is not None and (
            parent.state == "starting" or self._waits_for_its_turn(parent)
        )

    def exit_info(self, path: str, incarnation: int) -> ExitInfo | None:
        """Return how an incarnation ended; None if it lives, or ended too long ago."""
        return self._exits.get(Address(path, incarnation))

    def _declare(self, path: str, children: tuple[tuple[str, str], ...]) -> None:
        entry = self.find(path)
        if entry is None:
            return
        old = entry.children
        entry.children = {}
        for id_, kind in children:
            child = old.pop(id_, None)
            if child is None or child.kind != kind:
                child = ProcessEntry(child_path(path, id_), kind)
            child.stale = False
            entry.children[id_] = child
        # Names from before stay known until the supervisor is up: until then it is unknown
        # that they are gone for good.
        for id_, child in old.items():
            child.stale = True
            entry.children[id_] = child

    def _add(self, path: str, kind: str) -> None:
        parent, _, id_ = path.rpartition("/")
        if path not in self._beside and (entry := self.find(parent)) is not None:
            entry.children[id_] = ProcessEntry(path, kind)

    def _remove(self, path: str) -> None:
        if self._beside.pop(path, None) is not None:
            return  # the tree has no handlers of events any more
        parent, _, id_ = path.rpartition("/")
        if (entry := self.find(parent)) is not None:
            gone = entry.children.pop(id_, None)
            for each in (gone, *_below(gone)) if gone is not None else ():
                self._forget_names(each.path, 0)

    def _arrange(self, path: str, ids: tuple[str, ...]) -> None:
        if (entry := self.find(path)) is not None:
            first = {id_: entry.children[id_] for id_ in ids if id_ in entry.children}
            entry.children = first | entry.children

    def _take_name(self, name: str, address: Address) -> None:
        self._names[name] = address
        self._taken.setdefault(address.path, set()).add(name)

    def _forget_names(self, path: str, incarnation: int) -> None:
        """Forget the names that other incarnations took, and this one has not taken."""
        for name in tuple(self._taken.get(path, ())):
            taken = self._names.get(name)
            if taken == (path, incarnation):
                continue
            self._taken[path].discard(name)
            if taken is not None and taken.path == path:
                del self._names[name]
        if path in self._taken and not self._taken[path]:
            del self._taken[path]


def _checked(entry: ProcessEntry, kinds: tuple[str, ...], otherwise: str) -> ProcessEntry:
    if entry.kind not in kinds:
        raise NoProcess(f"{entry.path or 'root'!r} is a {entry.kind}{otherwise}")
    return entry


def _drop_stale(entry: ProcessEntry) -> None:
    entry.children = {id_: child for id_, child in entry.children.items() if not child.stale}


def _below(entry: ProcessEntry) -> Iterator[ProcessEntry]:
    for child in entry.children.values():
        yield child
        yield from _below(child)


def way_to(path: str) -> Path:
    """Return the ids from the node down to the process at `path`."""
    if path in (*BESIDE, ON_EVENT):
        return (path.removeprefix("@"),)
    return ("tree", *path.split("/")) if path else ("tree",)
