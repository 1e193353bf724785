"""A whole tree takes over another spec: which of its supervisors is asked for what, in which order.

First each one takes over what is its own, from the top down, and its children keep what is
theirs: so a supervisor that is killed meanwhile comes back with its spec of before. Once all have
done so, each is asked for all of its new spec, which its children are started with from then on;
one that was killed meanwhile does then what it lost. When something fails, all are asked for the
spec of before.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from otpy.core.changes import Kind, change_of
from otpy.core.messages import Answer, GetSpec, NotReloaded, Reload, Reloaded
from otpy.core.spec import ChildSpec, SupervisorSpec

Way: TypeAlias = tuple[str, ...]
"""Ids from the supervisor at the top down to the one that is meant."""

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to one supervisor."""

    way: Way
    request: Reload | GetSpec


@dataclass(frozen=True, slots=True)
class Lost:
    """The supervisor has ended before it answered, for `reason`; another may take its place."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotThere:
    """The supervisor does not run; what it is started with, its own supervisor knows."""


@dataclass(frozen=True, slots=True)
class TreeReloaded:
    """All is as the new spec says."""


@dataclass(frozen=True, slots=True)
class TreeNotReloaded:
    """All is as it was before, since the child at `way` failed to start, or for another reason."""

    way: Way
    reason: str


Reply: TypeAlias = Answer | Lost | NotThere
Outcome: TypeAlias = TreeReloaded | TreeNotReloaded


def running_spec(way: Way, known: SupervisorSpec) -> Generator[Asked, Reply, SupervisorSpec]:
    """Ask what runs below a supervisor.

    Args:
        way: To the supervisor.
        known: Its spec, as its own supervisor has it; of one that does not run it is that.
    """
    answer = yield Asked(way, GetSpec())
    found = answer if isinstance(answer, SupervisorSpec) else known
    children: list[ChildSpec] = []
    for child in found.children:
        start = child.start
        if isinstance(start, SupervisorSpec):
            start = yield from running_spec((*way, child.id), start)
        children.append(replace(child, start=start))
    return replace(found, children=tuple(children))


def reload_tree(old: SupervisorSpec, new: SupervisorSpec) -> Generator[Asked, Reply, Outcome]:
    """Make a tree whose spec is `old` one whose spec is `new`; yield each request, one at a time.

    Neither has children that were added by hand: those are left alone.
    """
    going_on = list(_going_on((), old, new))
    first = [(way, _without_below(was, wanted)) for way, was, wanted in going_on]
    down: dict[Way, tuple[str, ...]] = {}
    for way, spec in (*first, *((way, wanted) for way, _, wanted in going_on)):
        answer = yield from _ask(way, Reload(spec))
        match answer:
            case Reloaded(down=ids):
                down[way] = (*down.get(way, ()), *ids)
            case NotThere():
                pass
            case _:
                failed = _failed(way, answer)
                break
    else:
        return TreeReloaded()
    for way, was, _ in reversed(going_on):
        yield from _ask(way, Reload(was, insists=True, down=down.get(way, ())))
    return failed


def _ask(way: Way, request: Reload) -> Generator[Asked, Reply, Reply]:
    """Ask until it is answered: one that was killed comes back with its spec of before."""
    answer: Reply = yield Asked(way, request)
    for _ in range(_TRIES - 1):
        if not isinstance(answer, Lost):
            break
        answer = yield Asked(way, request)
    return answer


def _failed(way: Way, answer: Reply) -> TreeNotReloaded:
    match answer:
        case NotReloaded(child=child, reason=reason):
            return TreeNotReloaded((*way, child), str(reason))
        case Lost(reason=reason):
            return TreeNotReloaded((), f"{way[-1] if way else 'the node'!r} ended: {reason}")
        case _:
            return TreeNotReloaded((), str(answer))


def _going_on(
    way: Way, old: SupervisorSpec, new: SupervisorSpec
) -> Iterator[tuple[Way, SupervisorSpec, SupervisorSpec]]:
    """Yield the supervisors that go on and are to change, from the top down."""
    yield way, old, new
    before = {child.id: child for child in old.children}
    for child in new.children:
        was = before.get(child.id)
        if was is None or not isinstance(was.start, SupervisorSpec):
            continue
        if isinstance(child.start, SupervisorSpec) and _goes_on(was, child):
            yield from _going_on((*way, child.id), was.start, child.start)


def _goes_on(was: ChildSpec, child: ChildSpec) -> bool:
    return change_of(was, child) not in (None, Kind.RECREATE)


def _without_below(old: SupervisorSpec, new: SupervisorSpec) -> SupervisorSpec:
    """Return the new spec, in which the supervisors that go on have what they had below them."""
    before = {child.id: child for child in old.children}
    children = [_keeping_below(before.get(child.id), child) for child in new.children]
    return replace(new, children=tuple(children))


def _keeping_below(was: ChildSpec | None, child: ChildSpec) -> ChildSpec:
    if was is None or not isinstance(was.start, SupervisorSpec):
        return child
    goes_on = isinstance(child.start, SupervisorSpec) and _goes_on(was, child)
    return replace(child, start=was.start) if goes_on else child


def without_added(spec: SupervisorSpec) -> SupervisorSpec:
    """Return the spec without what was added by hand."""
    children = [
        replace(child, start=without_added(child.start))
        if isinstance(child.start, SupervisorSpec)
        else child
        for child in spec.children
        if not child.by_hand
    ]
    return replace(spec, children=tuple(children))
