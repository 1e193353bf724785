"""What is to be done so that a running tree becomes another one: the two specs compared.

`compare` is about one supervisor, and in `ChildChange.inside` about those below it; `in_order`
lists all that as the steps in which it is to be done. Children are known by their ids. One that
`start_child` has added (`ChildSpec.by_hand`) is none of the file's business, unless the file has
that id, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

from otpy.core.effects import LIVE, PARTS, RECREATE, RESTART, Effect, Rule, rules_of
from otpy.core.spec import (
    INFINITY,
    ChildSpec,
    CommandStart,
    Inheritable,
    ServerStart,
    Start,
    SupervisorSpec,
)
from otpy.core.surroundings import Surroundings


class Kind(StrEnum):
    """What is done with a child; of several things the one that does most.

    Attributes:
        INSIDE: Nothing with the child itself, a supervisor, but with children of its own.
        MOVE: It gets another place in the order of its siblings, and goes on.
        LIVE: It goes on with another spec: see `Effect.LIVE`; and the next two likewise.
        RESTART: It is stopped, and started again with another spec.
        RECREATE: It is removed, and another one is added in its place.
        ADD: It is started.
        REMOVE: It is stopped and forgotten.
    """

    INSIDE = "inside"
    MOVE = "move"
    LIVE = "live"
    RESTART = "restart"
    RECREATE = "recreate"
    ADD = "add"
    REMOVE = "remove"


class Absent(Enum):
    """The value of a key that a file does not have, and that has no default."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Another value of a field.

    Attributes:
        name: As a tree's file spells it; ``env.PORT`` for a variable.
        old: As in a `ChildSpec`, but the word `INFINITY` where None stands for it there, and
            `ABSENT` where it stands for a key that is not given.
        new: Likewise.
        effect: What the change does.
    """

    name: str
    old: Any
    new: Any
    effect: Effect


@dataclass(frozen=True, slots=True)
class ChildChange:
    """What is to be done with one child of a supervisor.

    Attributes:
        id: Of the child.
        kind: What is done.
        old: Its spec before; None if it is added.
        new: Its spec then; None if it is removed.
        fields: Those that differ.
        after: The sibling that it is to stand behind, "" if it is to be the first; None if its
            place does not change.
        inside: What is to be done below it: a supervisor that goes on.
        place: Its place among its siblings before; -1 if it is added.
    """

    id: str
    kind: Kind
    old: ChildSpec | None
    new: ChildSpec | None
    fields: tuple[FieldChange, ...] = ()
    after: str | None = None
    inside: "Changes | None" = None
    place: int = -1


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done with a supervisor that goes on, and below it; false if nothing is.

    Attributes:
        fields: Those of the supervisor itself that differ. With one that has the effect `RECREATE`
            the supervisor cannot go on: that is for its own supervisor, or for the node.
        children: In the order in which it is to be done: first those that are removed, latest
            first, then the others in the order of their start.
    """

    fields: tuple[FieldChange, ...] = ()
    children: tuple[ChildChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields or self.children)


NOTHING: Final = Changes()


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to be done in a tree.

    Attributes:
        path: Of the child, "" of the root supervisor.
        kind: Never `Kind.INSIDE`.
        fields: Those that differ.
        after: As of `ChildChange`.
        old: As of `ChildChange`; None for the root supervisor, too.
        new: Likewise.
    """

    path: str
    kind: Kind
    fields: tuple[FieldChange, ...] = ()
    after: str | None = None
    old: ChildSpec | None = None
    new: ChildSpec | None = None


# ---- one supervisor ------------------------------------------------------------------------------


def compare(old: SupervisorSpec, new: SupervisorSpec) -> Changes:
    """Return what is to be done so that a supervisor with the spec `old` has the spec `new`."""
    own = tuple(_differences(_of_supervisor(old), _of_supervisor(new)))
    if _most(own) is RECREATE:
        return Changes(own)
    changes = Changes(own, (*_removals(old, new), *_others(old, new)))
    return changes or NOTHING


def _removals(old: SupervisorSpec, new: SupervisorSpec) -> Iterator[ChildChange]:
    wanted = {child.id for child in new.children}
    for place, child in reversed(tuple(enumerate(old.children))):
        if child.id not in wanted and not child.by_hand:
            yield ChildChange(child.id, Kind.REMOVE, child, None, place=place)


def _others(old: SupervisorSpec, new: SupervisorSpec) -> Iterator[ChildChange]:
    places = {child.id: place for place, child in enumerate(old.children)}
    stays = set(_longest_in_order([each.id for each in new.children if each.id in places], places))
    before = ""
    for child in new.children:
        place = places.get(child.id)
        if place is None:
            yield ChildChange(child.id, Kind.ADD, None, child, after=before)
        else:
            after = None if child.id in stays else before
            yield from _of_child(old.children[place], child, after, place)
        before = child.id


def _longest_in_order(ids: Sequence[str], places: Mapping[str, int]) -> Iterator[str]:
    """Yield a longest part of `ids` whose places increase, from its end (patience sorting).

    All others have to move, and so the fewest that can.
    """
    from bisect import bisect_left  # noqa: PLC0415 - a library that every worker would have mapped

    tops: list[int] = []  # the lowest place at which a part of each length ends
    ends: list[str] = []
    before: dict[str, str | None] = {}
    for id_ in ids:
        length = bisect_left(tops, places[id_])
        before[id_] = ends[length - 1] if length else None
        tops[length : length + 1] = [places[id_]]
        ends[length : length + 1] = [id_]
    last = ends[-1] if ends else None
    while last is not None:
        yield last
        last = before[last]


# ---- one child -----------------------------------------------------------------------------------


def change_of(old: ChildSpec, new: ChildSpec) -> Kind | None:
    """Return what is to be done with a child, wherever it stands; None if nothing is."""
    change = next(_of_child(old, new, None, 0), None)
    return None if change is None else change.kind


def _of_child(
    old: ChildSpec, new: ChildSpec, after: str | None, place: int
) -> Iterator[ChildChange]:
    inside = NOTHING
    found: tuple[FieldChange, ...] = ()
    if isinstance(old.start, SupervisorSpec) and isinstance(new.start, SupervisorSpec):
        inside = compare(old.start, new.start)
        found = _of_two_supervisors(old, new, inside.fields)
    elif not _is_same(old, new):
        found = tuple(_differences_of_children(old, new))
    if not found and not inside and after is None:
        return
    kind = _KINDS[_most(found)]
    if kind is Kind.INSIDE and after is not None:
        kind = Kind.MOVE
    yield ChildChange(old.id, kind, old, new, found, after, inside or None, place)


_KINDS: Final[Mapping[Effect, Kind]] = {
    PARTS: Kind.INSIDE,
    LIVE: Kind.LIVE,
    RESTART: Kind.RESTART,
    RECREATE: Kind.RECREATE,
}


def _most(changes: Sequence[FieldChange]) -> Effect:
    return max((change.effect for change in changes), key=lambda each: each.rank, default=PARTS)


def _of_two_supervisors(
    old: ChildSpec, new: ChildSpec, found: Sequence[FieldChange]
) -> tuple[FieldChange, ...]:
    """Return the fields that differ, given those of the two as supervisors.

    One that stays down has its limits twice, see `ChildSpec.own_intensity`; they are one key.
    """
    was, is_ = (
        {**_values(child.start.intensity), **_values(child)}
        for child in (old, new)
        if isinstance(child.start, SupervisorSpec)
    )
    names = {change.name for change in found}
    return (*found, *(each for each in _differences(was, is_) if each.name not in names))


def _differences_of_children(old: ChildSpec, new: ChildSpec) -> Iterator[FieldChange]:
    effect = rules_of(ChildSpec)["start"].of(old.start, new.start)
    if effect is PARTS:
        yield from _differences(_of_start(old.start), _of_start(new.start))
    else:
        yield from _another_kind(old.start, new.start, effect)
    yield from _differences(_values(old), _values(new))


def _another_kind(old: Start, new: Start, effect: Effect) -> Iterator[FieldChange]:
    was, is_ = _kind_key(old), _kind_key(new)
    yield FieldChange(was[0], was[1], ABSENT, effect)
    yield FieldChange(is_[0], ABSENT, is_[1], effect)


def _kind_key(start: Start) -> tuple[str, object]:
    match start:
        case ServerStart(target=target):
            return "start", target
        case CommandStart(argv=argv):
            return "command", argv
        case SupervisorSpec(children=children):
            return "children", tuple(child.id for child in children)


# ---- fields --------------------------------------------------------------------------------------


_Values: TypeAlias = Mapping[str, tuple[Any, Rule]]
"""By the keys of a file: the value, and the rule of its changes."""

_OTHER_NAMES: Final = {"target": "start", "argv": "command"}
_NONE_IS_INFINITY: Final = {"max_restarts", "max_children", "start_timeout"}
_NO_KEYS: Final = {"id", "start", "args", "kwargs", "children", "template", "folder", "by_hand"}
"""What makes no change by itself, or is compared by itself."""
_INHERITED: Final = {each.name for kind in (Inheritable, Surroundings) for each in fields(kind)}


def _differences(old: _Values, new: _Values) -> Iterator[FieldChange]:
    for name in dict.fromkeys((*old, *new)):
        was, rule = old[name] if name in old else (ABSENT, new[name][1])
        is_ = new[name][0] if name in new else ABSENT
        if not is_equal(was, is_):
            yield FieldChange(name, was, is_, rule.of(was, is_))


def _of_start(start: Start) -> _Values:
    if isinstance(start, SupervisorSpec):
        return _of_supervisor(start)
    values = _values(start)
    if isinstance(start, ServerStart):
        values["args"] = start.kwargs or start.args, rules_of(ServerStart)["args"]
    return values


def _of_supervisor(spec: SupervisorSpec) -> _Values:
    """Return the values of a supervisor's own fields: all of them are live, but for `Alters`.

    What its children inherit is among their own; here it is for those that are added later, and so
    nothing if these are instances.
    """
    values = {
        name: (value, _LIVE if _is_inherited(name) else rule)
        for name, (value, rule) in _values(spec).items()
        if not (spec.instances and _is_inherited(name))
    }
    if (template := spec.template) is not None:
        values["template.id"] = template.id, _LIVE
        for each in (_of_start(template.start), _values(template)):
            values |= {f"template.{name}": (value, _LIVE) for name, (value, _) in each.items()}
    return values


def _is_inherited(key: str) -> bool:
    return key.partition(".")[0] in _INHERITED


_LIVE: Final = Rule(LIVE)


def _values(record: Any) -> dict[str, tuple[Any, Rule]]:
    """Return the values of a record, and of those records that are parts of it.

    Of a mapping, such as `env`, each value has a name of its own.
    """
    values: dict[str, tuple[Any, Rule]] = {}
    kind: type = type(record)
    for name, rule in rules_of(kind).items():
        if name in _NO_KEYS:
            continue
        value = getattr(record, name)
        if rule.effect is PARTS:
            values |= {} if value is None else _values(value)
        elif isinstance(value, Mapping):
            values |= {f"{name}.{key}": (each, rule) for key, each in value.items()}
        elif value is not None:
            values[_OTHER_NAMES.get(name, name)] = value, rule
        elif name in _NONE_IS_INFINITY:
            values[name] = INFINITY, rule
    return values


def _is_same(old: ChildSpec, new: ChildSpec) -> bool:
    """Return whether two children are the same, at once where they are: nearly all are."""
    try:
        if old != new:
            return False
    except Exception:  # noqa: BLE001 - arguments may be of any class
        return False
    return is_equal(_arguments(old.start), _arguments(new.start))


def _arguments(start: Start) -> object:
    return (start.args, start.kwargs) if isinstance(start, ServerStart) else None


def is_equal(one: object, other: object) -> bool:
    """Return whether two values are the same for a child: unlike ``==``, 1 is not True, nor 1.0."""
    if type(one) is not type(other):
        return False
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(
                is_equal(value, other[key]) for key, value in one.items()
            )
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(is_equal, one, other))
        case float(), float():
            return one == other or repr(one) == repr(other)  # two that are no numbers
        case _:
            try:
                return bool(one == other)
            except Exception:  # noqa: BLE001 - as above
                return False


# ---- the whole tree ------------------------------------------------------------------------------


def in_order(changes: Changes) -> Iterator[Step]:
    """Yield all that is to be done in a tree, in that order, from the root's changes on.

    First everything is removed, latest first, so that nothing new meets what it replaces; then
    come the others in the order of their start.
    """
    yield from _removing(changes, "")
    if changes.fields:
        yield Step("", _KINDS[_most(changes.fields)], changes.fields)
    yield from _changing(changes, "")


def _removing(changes: Changes, above: str) -> Iterator[Step]:
    for child in sorted(changes.children, key=lambda each: each.place, reverse=True):
        if child.inside is not None:
            yield from _removing(child.inside, f"{above}{child.id}/")
        elif child.kind is Kind.REMOVE:
            yield Step(f"{above}{child.id}", child.kind, old=child.old)


def _changing(changes: Changes, above: str) -> Iterator[Step]:
    for child in changes.children:
        if child.kind not in (Kind.REMOVE, Kind.INSIDE):
            path = f"{above}{child.id}"
            yield Step(path, child.kind, child.fields, child.after, child.old, child.new)
        if child.inside is not None:
            yield from _changing(child.inside, f"{above}{child.id}/")
