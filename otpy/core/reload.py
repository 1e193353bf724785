"""A supervisor takes over another spec while it runs (supervisor.erl, ``code_change``).

Children that leave are stopped first, the latest first. Then, in their order, each one that has to
be started anew is stopped and started with its new spec, alone: as in a release of OTP, the
strategy is about failures. Between two of them the supervisor serves what has arrived meanwhile.
The first start that fails puts everything back; what fails to start on that way is tried again, and
counts, as if it had ended by itself.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from otpy.core.changes import Kind, change_of
from otpy.core.exits import ExitReason
from otpy.core.messages import (
    Added,
    Denied,
    Failed,
    NotReloaded,
    Reload,
    Reloaded,
    ReloadNext,
    Respec,
    TryAgain,
)
from otpy.core.queue import Queue
from otpy.core.records import replace
from otpy.core.spec import (
    ChildSpec,
    Restart,
    Strategy,
    without_arguments,
)
from otpy.core.state import (
    Child,
    Reloading,
    ReloadStep,
    Status,
    Target,
)
from otpy.core.strategy import affected, stop_order
from otpy.core.table import Table
from otpy.core.transition import Transition

_UP: Final = (Status.RUNNING, Status.ENDED, Status.RESTARTING, Status.BACKOFF)
"""The statuses of a child that runs, or will be started again by itself."""


def begin_reload(transition: Transition, token: int, asked: Reload) -> None:
    """Begin to take over another spec; what follows ends with the answer."""
    if transition.reload is not None:
        transition.reply(token, Denied("reloading", "it takes over another spec at the moment"))
        return
    before, was = transition.spec, transition.children
    transition.reload = Reloading(token, before, was, insists=asked.insists, down=asked.down)
    transition.spec = asked.spec
    transition.begin(ReloadStep(), stop=stop_order(_leaving(transition)))


def step_is_over(transition: Transition) -> None:
    """Arrange the children, or go on with the next one once others have been served."""
    transition.step_is_over = False
    reload = transition.reload
    assert reload is not None
    if reload.arranged:
        transition.reload = replace(reload, todo=reload.todo.rest)
    else:
        for id_ in _leaving(transition):
            transition.remove(id_)
        todo = _Arrangement(transition, reload).made()
        transition.reload = replace(reload, todo=todo, arranged=True)
    transition.mailbox = transition.mailbox.with_(ReloadNext())


def continue_reload(transition: Transition) -> None:
    """Start the next child with its new spec; answer if there is none."""
    reload = transition.reload
    if reload is None:
        return  # the supervisor ends
    todo = reload.todo
    while todo:
        child = transition.children.get(todo.head.spec.id)
        if child is not None and (group := _to_start(transition, child, todo.head)):
            transition.reload = replace(reload, todo=todo)
            transition.begin(ReloadStep(todo.head), stop=(child.spec.id,), start=group)
            return
        todo = todo.rest
    transition.reload = None
    transition.reply(reload.token, reload.failed or Reloaded(_down(transition, reload)))


def reload_failed(transition: Transition, child: Child, reason: ExitReason) -> None:
    """Put everything back, since a child failed to start; on that way try it again."""
    reload = transition.reload
    assert reload is not None
    transition.work = None
    if reload.failed is None and not reload.insists:
        transition.mark(child, Status.UNDEFINED)
        failed = NotReloaded(child.spec.id, reason)
        transition.reload = replace(reload, failed=failed, arranged=False)
        transition.begin(ReloadStep(), stop=stop_order(_leaving(transition)))
        return
    if child.spec.restart is Restart.TEMPORARY:
        transition.settle(child)
    else:
        transition.mark(child, Status.RESTARTING)
        transition.mailbox = transition.mailbox.with_(TryAgain(child.spec.id, reason))
    transition.step_is_over = True


def _down(transition: Transition, reload: Reloading) -> tuple[str, ...]:
    """List those that were removed, and did not run before."""
    was = reload.was.items()
    left = (id_ for id_, one in was if one.status not in _UP and id_ not in transition.children)
    return tuple(left)


def _leaving(transition: Transition) -> list[str]:
    """List those that the tree declared, and does no more; or that were added by this reload."""
    reload = transition.reload
    assert reload is not None
    if reload.failed is None:
        staying = {spec.id for spec in transition.spec.children}
    else:
        staying = set(reload.was)
    children = transition.children.items()
    return [id_ for id_, one in children if one.declared is not None and id_ not in staying]


def _to_start(transition: Transition, child: Child, target: Target) -> tuple[str, ...]:
    """List what is started as a child gets its target; nothing if it is to stay as it is."""
    id_ = child.spec.id
    if child.declared == target.declared:
        # Somebody may have started it meanwhile.
        return (id_,) if child.status is Status.UNDEFINED else ()
    if child.status is Status.UNDEFINED or child.waits_for not in ("", id_):
        # It was stopped meanwhile, or waits for another.
        transition.put(replace(child, spec=target.spec, declared=target.declared))
        return ()
    if not child.waits_for:
        return (id_,)
    group = transition.waiting_for(id_)
    for other in group:
        if other.spec.id != id_:
            transition.mark(transition.rested(other), Status.UNDEFINED)
    return tuple(other.spec.id for other in group)


class _Arrangement:
    """The children in their order, and what is to be started.

    Args:
        transition: It gets the list of children, and the spec that was before on the way back.
        reload: That has come to this.
    """

    def __init__(self, transition: Transition, reload: Reloading) -> None:
        self._transition, self._reload = transition, reload
        self._is_back = reload.failed is not None
        self._starting: dict[str, Target] = {}
        self._left = {target.spec.id for target in reload.todo}
        known = transition.spec if self._is_back else reload.before
        self._known = {spec.id for spec in known.children}

    def made(self) -> Queue[Target]:
        """Make the list of children; return those to be started, in order."""
        transition, reload = self._transition, self._reload
        if self._is_back:
            transition.spec = reload.before
        entries: dict[str, Child] = {}
        added: list[str] = []
        for target in self._targets():
            id_ = target.spec.id
            present = transition.children.get(id_)
            child = self._missing(target) if present is None else self._present(present, target)
            if child is not None:
                entries[id_] = child
                added += [id_] if present is None else []
        others = ((id_, one) for id_, one in transition.children.items() if id_ not in entries)
        order = [*transition.children, *added]
        transition.children = Table((*entries.items(), *others))
        if order != list(transition.children):
            transition.emit_order()
        self._free_waiting()
        return Queue(self._starting[id_] for id_ in transition.children if id_ in self._starting)

    def _targets(self) -> Iterable[Target]:
        if not self._is_back:
            return [Target(spec, spec) for spec in self._transition.spec.children]
        was = self._reload.was.values()
        return [Target(child.declared or child.spec, child.declared) for child in was]

    def _missing(self, target: Target) -> Child | None:
        """Return one that is not in the list; None if it is to stay away."""
        id_ = target.spec.id
        is_temporary = target.spec.restart is Restart.TEMPORARY
        if is_temporary and id_ in self._known and id_ not in self._left:
            return None  # it has ended, or was stopped
        if self._is_back:
            child = Child(target.spec, declared=target.declared)
            starts = self._reload.was[id_].status in _UP
        else:
            child = Child(target.spec, declared=target.declared)
            starts = id_ not in self._reload.down
        self._transition.emit(Added(target.spec))
        if starts:
            self._starting[id_] = target
        elif self._is_back:
            return self._as_before(child)
        return child

    def _present(self, child: Child, target: Target) -> Child:
        id_ = child.spec.id
        if self._is_back and child.status is Status.UNDEFINED:
            return self._started_again(child, target)
        change = change_of(*_comparable(child, target))
        if change not in (Kind.RESTART, Kind.RECREATE):
            child = _with(child, target)
            if change is not None and child.status is Status.RUNNING:
                self._transition.actions.append(Respec(child.spec, child.incarnation))
            return child
        if child.status is Status.UNDEFINED or child.waits_for not in ("", id_):
            return _with(child, target)
        self._starting[id_] = target
        return child

    def _started_again(self, child: Child, target: Target) -> Child:
        """Return one that has no process, and start it if it was this reload that stopped it."""
        id_ = child.spec.id
        was = self._reload.was[id_].status
        if was is Status.BACKOFF or (id_ in self._left and was in _UP):
            self._starting[id_] = target
        return self._as_before(_with(child, target))

    def _as_before(self, child: Child) -> Child:
        """Return a child that has no process; one that had failed has failed again."""
        was = self._reload.was[child.spec.id]
        if was.status is not Status.FAILED:
            return child
        assert was.failure is not None
        assert was.spec.own_intensity is not None
        self._transition.emit(Failed(child.spec.id, was.failure, 0, was.spec.own_intensity))
        return replace(child, status=Status.FAILED, failure=was.failure)

    def _free_waiting(self) -> None:
        """Start those that waited for one whose start they do not come with any more."""
        transition = self._transition
        for child in list(_waiting_in_vain(transition)):
            transition.mark(transition.rested(child), Status.UNDEFINED)
            self._starting[child.spec.id] = Target(child.spec, child.declared)


def _comparable(child: Child, target: Target) -> tuple[ChildSpec, ChildSpec]:
    """Return the spec that a child has, and the other: without what is not known any more."""
    if child.declared is not None:
        return child.declared, target.spec
    if child.spec.restart is Restart.TEMPORARY:
        return child.spec, without_arguments(target.spec)
    return child.spec, target.spec


def _with(child: Child, target: Target) -> Child:
    is_temporary = target.spec.restart is Restart.TEMPORARY
    spec = without_arguments(target.spec) if is_temporary else target.spec
    return replace(child, spec=spec, declared=target.declared)


def _waiting_in_vain(transition: Transition) -> Iterator[Child]:
    strategy: Strategy = transition.spec.strategy
    for id_, child in transition.children.items():
        if child.waits_for in ("", id_):
            continue
        leader = transition.children.get(child.waits_for)
        leads = leader is not None and leader.waits_for == leader.spec.id
        if not leads or id_ not in affected(strategy, transition.children, child.waits_for):
            yield child
