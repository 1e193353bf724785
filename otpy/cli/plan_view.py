"""What `otpy plan` prints: each thing that would be done, and how much that is."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from otpy.cli.names import shown
from otpy.config.data import value_to_data
from otpy.core.changes import ABSENT, FieldChange, Kind, Step
from otpy.core.spec import ServerStart, SupervisorSpec

MASK: Final = "***"
"""In place of the value of a variable: plans are kept in logs, and sent to others."""

_SIGNS: Final = {Kind.ADD: "+", Kind.REMOVE: "-", Kind.RECREATE: "!", Kind.MOVE: ">"}
_SUMS: Final = {
    Kind.ADD: "{} to add",
    Kind.REMOVE: "{} to remove",
    Kind.RECREATE: "{} to recreate",
    Kind.RESTART: "{} to restart",
    Kind.MOVE: "{} to move",
    Kind.LIVE: "{} live",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    Attributes:
        steps: In the order in which it would be done.
        unchanged: How many children would go on just as they are.
        by_hand: Paths of children that `start_child` has added, and that are left alone.
        stopped: Paths of children that were stopped, or have ended and stay so.
        show_values: Whether values of variables are shown.
    """

    steps: tuple[Step, ...]
    unchanged: int
    by_hand: tuple[str, ...] = ()
    stopped: Collection[str] = ()
    show_values: bool = False


def unchanged(wanted: SupervisorSpec, steps: Sequence[Step]) -> int:
    """Return how many children of a tree go on just as they are."""
    return _untouched(wanted, "", {step.path: step.kind for step in steps})


def _untouched(spec: SupervisorSpec, above: str, kinds: Mapping[str, Kind]) -> int:
    count = 0
    for child in spec.children:
        path = f"{above}{child.id}"
        kind = kinds.get(path)
        count += kind is None
        if isinstance(child.start, SupervisorSpec) and kind not in (Kind.ADD, Kind.RECREATE):
            count += _untouched(child.start, f"{path}/", kinds)
    return 0 if kinds.get("") is Kind.RECREATE else count


# ---- for programs --------------------------------------------------------------------------------


def to_data(plan: Plan) -> dict[str, object]:
    """Return a plan as plain values."""
    sums = {str(kind): count for kind, count in _sums(plan).items()}
    return {
        "changes": [_step_to_data(step, plan) for step in plan.steps],
        "summary": {**sums, "unchanged": plan.unchanged},
        "by_hand": list(plan.by_hand),
    }


def _step_to_data(step: Step, plan: Plan) -> dict[str, object]:
    after = {} if step.after is None else {"after": step.after}
    fields = [_field_to_data(each, plan) for each in step.fields]
    return {"path": step.path, "change": str(step.kind), **after, "fields": fields}


def _field_to_data(change: FieldChange, plan: Plan) -> dict[str, object]:
    values = {"old": change.old, "new": change.new}
    given = {
        key: _plain(change, value, plan) for key, value in values.items() if value is not ABSENT
    }
    return {"name": change.name, **given, "effect": str(change.effect)}


def _plain(change: FieldChange, value: object, plan: Plan) -> object:
    is_variable = "env" in change.name.split(".")[:-1]
    return (
        MASK if is_variable and value is not None and not plan.show_values else value_to_data(value)
    )


def _sums(plan: Plan) -> Mapping[Kind, int]:
    counts = Counter(step.kind for step in plan.steps)
    return {kind: counts[kind] for kind in _SUMS}


# ---- for people ----------------------------------------------------------------------------------


def to_text(plan: Plan) -> str:
    """Return a plan as lines: one for each thing that would be done, or more, and the sum."""
    lines = [line for some in _alike(plan.steps) for line in _lines(some, plan)]
    if plan.by_hand:
        lines.append(f"= {', '.join(plan.by_hand)}: added by hand, left alone")
    return "\n".join([*lines, _sum_line(plan)])


def _sum_line(plan: Plan) -> str:
    sums = [_SUMS[kind].format(count) for kind, count in _sums(plan).items() if count]
    return f"{', '.join(sums) or 'nothing to do'}; {plan.unchanged} unchanged"


def _alike(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the steps, those together that are the same for several instances of one child."""
    for _, some in groupby(enumerate(steps), lambda each: _likeness(*each)):
        yield [step for _, step in some]


def _likeness(number: int, step: Step) -> object:
    spec = step.new or step.old
    if spec is None or not isinstance(spec.start, ServerStart) or spec.start.instance is None:
        return number
    return step.path.rpartition("/")[0], step.kind, repr(step.fields)


def _lines(steps: Sequence[Step], plan: Plan) -> Iterator[str]:
    step = steps[0]
    head = f"{_SIGNS.get(step.kind, '~')} {_name(steps)}: {_done(step)}"
    stays = step.kind in (Kind.RESTART, Kind.LIVE, Kind.MOVE) and step.path in plan.stopped
    note = " (stopped, and stays so)" if stays else ""
    fields = [_field(each, step, plan) for each in step.fields]
    if len(fields) == 1:
        yield f"{head}{note}: {fields[0]}"
        return
    yield f"{head}{note}"
    yield from (f"    {each}" for each in fields)


def _name(steps: Sequence[Step]) -> str:
    first, last = steps[0].path, steps[-1].path.rpartition("/")[2]
    return shown(first) if len(steps) == 1 else f"{first} to {last}"


def _done(step: Step) -> str:
    if not step.path and step.kind is Kind.RECREATE:
        return "recreate, with all below it"
    place = "" if step.after is None else f", {f'after {step.after}' if step.after else 'first'}"
    moves = "" if step.after is None or step.kind in (Kind.ADD, Kind.MOVE) else ", move"
    return f"{step.kind}{moves}{place}"


def _field(change: FieldChange, step: Step, plan: Plan) -> str:
    old, new = (_text(change, value, plan) for value in (change.old, change.new))
    least = "" if change.effect.value == step.kind.value else f" ({change.effect})"
    return f"{change.name}: {old} -> {new}{least}"


def _text(change: FieldChange, value: object, plan: Plan) -> str:
    if value is ABSENT:
        return "(none)"
    plain = _plain(change, value, plan)
    if isinstance(plain, str) and plain.isprintable() and plain not in ("", "null"):
        return plain
    return json.dumps(_short(plain), ensure_ascii=False, default=repr)


def _short(value: Any) -> Any:
    """Return whole numbers without the fraction that those of a duration have."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _short(each) for key, each in value.items()}
        case list() | tuple():
            return [_short(each) for each in value]
        case _:
            return value
