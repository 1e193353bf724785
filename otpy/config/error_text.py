"""Reword pydantic's errors, without pydantic's own steps in the path."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from otpy.config.elsewhere import ELSEWHERE
from otpy.config.fields import KINDS, MODELS, BackoffFields, Tree
from otpy.config.mistakes import Loc, Mistake, did_you_mean, one_of, quotes_help, show
from otpy.config.parsers import A_TARGET
from otpy.core.spec import AutoShutdown, Restart, Strategy

ScalarTexts: TypeAlias = Callable[[Loc], str | None]
"""Gives the text of the scalar at a place, if there is a text."""

CHOICES: Final[dict[str, list[str]]] = {
    "strategy": list(Strategy),
    "auto_shutdown": list(AutoShutdown),
    "restart": list(Restart),
}
A_KIND: Final = one_of(KINDS)
EXPECTED: Final = {
    "name": "a string",
    "id": "a string, unique among its siblings",
    "start": A_TARGET,
    "command": "a list such as [caddy, run]",
    "command[]": "a string",
    "children": "a list of children, [] for none",
    "template": "a mapping with one of start or command",
    "children[]": f"a mapping with id and one of {A_KIND}",
    **{field: one_of(choices) for field, choices in CHOICES.items()},
}
STRINGS: Final = {"name", "id", "command[]"}


def mistakes_of(error: ValidationError, written: ScalarTexts, kind: str | None) -> list[Mistake]:
    """Translate every finding of `error`.

    Args:
        error: The error of pydantic.
        written: Gives the text of a scalar, for "YAML reads it as".
        kind: The kind of child that was read, or None for a whole tree.
    """
    return [
        mistake
        for detail in error.errors(include_url=False)
        for mistake in _mistakes(detail, written, kind)
    ]


def _mistakes(detail: ErrorDetails, written: ScalarTexts, kind: str | None) -> list[Mistake]:
    if detail["type"] == "within":
        at, _ = _without_kinds(detail["loc"], kind)
        problems = detail["ctx"]["problems"]
        return [Mistake((*at, *steps), text, on_key) for steps, text, on_key in problems]
    mistake = _mistake(detail, written, kind)
    return [] if mistake is None else [mistake]


def _mistake(detail: ErrorDetails, written: ScalarTexts, kind: str | None) -> Mistake | None:
    at, kind = _without_kinds(detail["loc"], kind)
    match detail["type"]:
        case "invalid_key":
            return None  # `rules` has it, with the key's own place
        case "missing":
            return Mistake(at[:-1], _missing(str(at[-1]), in_template=_in_template(at)))
        case "extra_forbidden" if at[-2:-1] == ("backoff",):
            return Mistake(at, _unknown(str(at[-1]), list(BackoffFields.model_fields)), on_key=True)
        case "extra_forbidden":
            text = _unknown_key(str(at[-1]), kind, in_template=_in_template(at))
            return Mistake(at, text, on_key=True)
        case "wanted":
            return Mistake(
                at, f"got {show(detail['input'], written(at))}, expected {detail['msg']}"
            )
        case _:
            return Mistake(at, _wrong(at, detail, written(at)))


def _without_kinds(loc: Loc, kind: str | None) -> tuple[Loc, str | None]:
    """Remove the kind that pydantic puts after a child's index, and return the last of them."""
    if kind:
        loc = loc[1:]
    at: list[object] = []
    for i, step in enumerate(loc):
        in_list = i >= 2 and isinstance(loc[i - 1], int) and loc[i - 2] == "children"
        if in_list or (i >= 1 and loc[i - 1] == "template"):
            kind = str(step)
        else:
            at.append(step)
    return tuple(at), kind


def _wrong(at: Loc, detail: ErrorDetails, written: str | None) -> str:
    field, got = _field(at), detail["input"]
    expected = EXPECTED.get(field) or detail["msg"].removeprefix("Input should be ")
    help_ = quotes_help(got) if field in STRINGS else did_you_mean(got, CHOICES.get(field, ()))
    return f"got {show(got, written)}, expected {expected}{help_}"


def _field(at: Loc) -> str:
    match at:
        case ():
            return "children[]"
        case (*_, key, int()):
            return f"{key}[]"
        case _:
            return str(at[-1])


def _in_template(at: Loc) -> bool:
    return at[-2:-1] == ("template",)


def _missing(key: str, *, in_template: bool) -> str:
    if key == "start" and in_template:
        return "start or command is missing, expected exactly one of them"
    if key == "start":
        return f"{A_KIND} is missing, expected exactly one of them"
    return f"{key} is missing, expected {EXPECTED[key]}"


def _unknown_key(key: str, kind: str | None, *, in_template: bool) -> str:
    if in_template and key == "children":
        return "'children' in a template, expected one of start or command"
    if in_template and key == "instances":
        return "'instances' in a template, expected only in a child with 'start'"
    if kind is None:
        known = list(Tree.model_fields)
    elif key in KINDS:
        return f"{key!r} beside {kind!r}, expected exactly one of {A_KIND}"
    elif key in MODELS:
        return f"{key!r} with {kind!r}, expected only with 'start'"
    elif owners := _owners(key):
        return f"{key!r} with {kind!r}, expected only with {one_of(repr(k) for k in owners)}"
    else:
        known = [*MODELS[kind].model_fields]
    return _unknown(key, known, MODELS if kind else ())


def _unknown(key: str, known: list[str], others: Iterable[str] = ()) -> str:
    possible = dict.fromkeys([*known, *others])
    here = ELSEWHERE.get(key.lower())
    meant = did_you_mean(here if here in possible else key, possible)
    return f"unknown key {key!r}, expected {one_of(known)}{meant}"


def _owners(key: str) -> list[str]:
    """Return which keys of a child allow this one; what `start` does, `instances` does not add."""
    owners = [k for k, fields in MODELS.items() if key in fields.model_fields]
    return [k for k in owners if k != "instances" or "start" not in owners]
