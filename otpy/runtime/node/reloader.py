"""Reloads of the tree that runs, one after another: read, compare, ask each supervisor, tell."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from otpy.core.changes import Step, compare, in_order
from otpy.core.spec import SupervisorSpec
from otpy.core.tree_reload import (
    Asked,
    Lost,
    NotThere,
    Outcome,
    Reply,
    TreeNotReloaded,
    TreeReloaded,
    Way,
    reload_tree,
    running_spec,
    without_added,
)
from otpy.errors import NotReloaded, OtpyError, ProcessDown
from otpy.events import Event, ReloadBegun, Reloaded, ReloadFailed
from otpy.runtime.directory import Directory
from otpy.runtime.node.scaling import scaled
from otpy.runtime.supervisor.router import Router
from otpy.system.descriptor import Descriptor, close_all
from otpy.wire.control import Answered, Ask, RawReply, ReloadNode
from otpy.wire.paths import NODE

_TREE: Final = "tree"
_RUNS: Final = ("running", "starting", "restarting", "stopping")

Answer: TypeAlias = RawReply | OtpyError
Change: TypeAlias = tuple[str, str, tuple[str, ...]]
Changes: TypeAlias = tuple[Change, ...]


class ReadsFiles(Protocol):
    """What reads a tree's file."""

    def read(self, file: str, done: Callable[[SupervisorSpec | OtpyError], None]) -> None:
        """Read `file`, and call `done` with the tree or what is wrong."""


class SocketChange(Protocol):
    """A change of the sockets that the node holds: undone at the end of its block unless kept."""

    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> None: ...

    def keep(self) -> None:
        """Keep the new ones."""


class Reloading(Protocol):
    """The node whose tree it is."""

    router: Router

    @property
    def config(self) -> str:
        """The tree's file."""

    @property
    def tree(self) -> SupervisorSpec:
        """The spec that the tree would be started with."""

    def node_spec(self, tree: SupervisorSpec) -> SupervisorSpec:
        """Return the spec of a node that runs `tree`."""

    def is_ending(self) -> bool:
        """Return whether it stops."""

    def change_sockets(self, tree: SupervisorSpec) -> SocketChange:
        """Have the sockets of `tree` from now on; raises OSError if they cannot be opened."""

    def runs(self, config: str) -> None:
        """Note that another file is run from now on."""

    def publish(self, *events: Event) -> None:
        """Publish what happened."""

    def send_published(self) -> None:
        """Deliver the events that were published so far."""


@dataclass(frozen=True, slots=True)
class Job:
    """One reload that was asked for; `answer` is called with what came of it."""

    asked: ReloadNode
    answer: Callable[[Answer], None]


@dataclass(slots=True)
class Reloader:
    """Reloads the tree of a node.

    Args:
        node: Its node.
        name: Of the node.
        directory: The processes of the tree.
        files: Reads the tree's file.
    """

    node: Reloading
    name: str
    directory: Directory
    files: ReadsFiles
    _jobs: deque[Job] = field(default_factory=deque)
    _present: Job | None = None
    _steps: "Generator[Asked, Reply, None] | None" = None
    _tokens: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _token: int = 0

    def add(self, job: Job) -> None:
        """Reload once those that were asked for before are done."""
        self._jobs.append(job)
        self._begin_next()

    def hang_up(self) -> None:
        """Reload the file that is run, unless that is about to be done already."""
        if not any(job.asked == ReloadNode() for job in self._jobs):
            self.add(Job(ReloadNode(), lambda _answer: None))

    def _begin_next(self) -> None:
        if self._present is not None or not self._jobs:
            return
        self._present = job = self._jobs.popleft()
        if job.asked.child:
            self._go_on_with(self._scale(job))
            return
        file = job.asked.file or self.node.config
        self.files.read(file, lambda found: self._was_read(job, file, found))

    def _was_read(self, job: Job, file: str, found: SupervisorSpec | OtpyError) -> None:
        if isinstance(found, OtpyError):
            self._fail(file, (), found, reason=str(found))
        else:
            self._go_on_with(self._run(job, file, found))

    # ---- the steps ---------------------------------------------------------------------------

    def _run(self, job: Job, file: str, wanted: SupervisorSpec) -> Generator[Asked, Reply, None]:
        old = yield from running_spec((_TREE,), self.node.tree)
        yield from self._change(job, file, old, wanted)

    def _scale(self, job: Job) -> Generator[Asked, Reply, None]:
        old = yield from running_spec((_TREE,), self.node.tree)
        try:
            path = self.directory.resolve(job.asked.child).path
            wanted = scaled(old, path, job.asked.instances)
        except OtpyError as error:
            self._end(error)
            return
        yield from self._change(job, "", old, wanted)

    def _change(
        self, job: Job, file: str, old: SupervisorSpec, wanted: SupervisorSpec
    ) -> Generator[Asked, Reply, None]:
        del job
        wanted = without_added(wanted)
        steps = tuple(in_order(compare(old, wanted)))
        changes = tuple([_planned(step) for step in steps])
        now = time.time()
        if not changes and wanted.on_event == self.node.tree.on_event:
            self._done(file, changes)
            return
        try:
            sockets = self.node.change_sockets(wanted)
        except OSError as error:
            self._fail(file, changes, NotReloaded(str(error)), reason=str(error))
            return
        begun = ReloadBegun(at=now, path=NODE, node=self.name, config=file, changes=changes)
        self.node.publish(begun)
        before = self.node.node_spec(without_added(old))
        with sockets:
            outcome = yield from reload_tree(before, self.node.node_spec(wanted))
            if isinstance(outcome, TreeReloaded):
                sockets.keep()
        self._came_to(outcome, file, changes)

    def _came_to(self, outcome: Outcome, file: str, changes: Changes) -> None:
        match outcome:
            case TreeReloaded():
                self._done(file, changes)
            case TreeNotReloaded(way=way, reason=reason):
                child = "/".join(way[1:])
                error = NotReloaded(reason, child)
                self._fail(file, changes, error, reason=reason, child=child)

    def _done(self, file: str, changes: Changes) -> None:
        if file:
            self.node.runs(file)
        now = time.time()
        self.node.publish(Reloaded(at=now, path=NODE, node=self.name, config=file, changes=changes))
        plain = [[path, kind, list(fields)] for path, kind, fields in changes]
        self._end(RawReply({"config": file, "changes": plain}))

    def _fail(
        self, file: str, changes: Changes, error: OtpyError, *, reason: str, child: str = ""
    ) -> None:
        self.node.publish(
            ReloadFailed(
                at=time.time(),
                path=NODE,
                node=self.name,
                config=file,
                reason=reason,
                child=child,
                changes=changes,
            )
        )
        self._end(error)

    def _end(self, answer: Answer) -> None:
        job, self._present, self._steps = self._present, None, None
        self.node.send_published()
        if job is not None:
            job.answer(answer)
        self._begin_next()

    # ---- asking ------------------------------------------------------------------------------

    def _go_on_with(self, steps: Generator[Asked, Reply, None]) -> None:
        self._steps = steps
        self._resume(None)

    def _resume(self, reply: Reply | None) -> None:
        """Give the answer to the question in hand; ask the next, as far as those can be asked."""
        while (steps := self._steps) is not None:
            if self.node.is_ending():
                self._end(NotReloaded("the node stops"))
                return
            try:
                asked = next(steps) if reply is None else steps.send(reply)
            except StopIteration:
                return
            if self._can_be_asked(asked.way):
                self._ask(asked)
                return
            reply = NotThere()

    def _can_be_asked(self, way: Way) -> bool:
        if not way:
            return True
        entry = self.directory.find("/".join(way[1:]))
        return entry is not None and entry.state in _RUNS

    def _ask(self, asked: Asked) -> None:
        self._token = next(self._tokens)
        self.node.router.route(self, Ask(self._token, asked.way, asked.request))

    def send(self, message: object, fds: Sequence[Descriptor] = ()) -> bool:
        """Take the answer of a supervisor: what asks is this."""
        close_all(fds)
        if not isinstance(message, Answered) or message.token != self._token:
            return True
        match message.answer:
            case ProcessDown(reason=reason):
                self._resume(Lost(reason))
            case OtpyError():
                self._resume(NotThere())
            case answer:
                self._resume(answer)  # type: ignore[arg-type]
        return True

    def __hash__(self) -> int:
        return id(self)


def _planned(step: Step) -> Change:
    return step.path, str(step.kind), tuple([each.name for each in step.fields])
