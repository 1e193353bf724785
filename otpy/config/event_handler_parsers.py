"""The forms of ``on_event``: one handler of events, or a list of them."""

from typing import Any, Final, get_args

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import did_you_mean, one_of, show
from otpy.config.parsers import Problem, program, program_word, seconds_above_zero, wanted, within
from otpy.core.event_handler import EventHandler
from otpy.events import Event

KINDS: Final = tuple(kind.__name__ for kind in get_args(Event))

_WHAT: Final = ("exec", "cast")
_KEYS: Final = (*_WHAT, "events", "timeout")


def event_handlers(value: object) -> tuple[EventHandler, ...]:
    """Read one handler, or a list of them."""
    if not isinstance(value, list | tuple):
        return (_handler(value),)
    problems: list[Problem] = []
    handlers = []
    for number, each in enumerate(value):
        try:
            handlers.append(_handler(each))
        except PydanticCustomError as error:
            inner = (error.context or {}).get("problems")
            text = f"got {show(each)}, expected {error.message()}"
            problems += (
                [((number,), text, False)]
                if inner is None
                else [((number, *at), text, on_key) for at, text, on_key in inner]
            )
    if problems:
        raise within(problems)
    return tuple(handlers)


def _handler(value: object) -> EventHandler:
    if not isinstance(value, dict) or sum(key in value for key in _WHAT) != 1:
        raise wanted(f"a mapping with one of {one_of(_WHAT)}, or a list of such")
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, each in value.items():
        if key not in _KEYS:
            near = did_you_mean(key, _KEYS)
            problems.append(
                ((key,), f"unknown key {show(key)}, expected {one_of(_KEYS)}{near}", True)
            )
            continue
        try:
            name, read = _READERS[key]
            found[name] = read(each)
        except PydanticCustomError as error:
            problems.append(((key,), f"got {show(each)}, expected {error.message()}", False))
    if problems:
        raise within(problems)
    return EventHandler(**found)


def _program(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise wanted("a list such as [notify, --urgent] that starts with a program")
    return tuple(program([program_word(word) for word in value]))


def _server(value: object) -> str:
    if isinstance(value, str) and value and not value.startswith("@"):
        return value
    raise wanted("the name of a server, such as alerts or ops/alerts")


def _kinds(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise wanted("a list of kinds of events, such as [ChildEnded, GaveUp]")
    for each in value:
        if each not in KINDS:
            near = did_you_mean(each, KINDS)
            raise wanted(
                f"kinds of events as `otpy schema events` has them, not {show(each)}{near}"
            )
    return tuple(value)


_READERS: Final = {
    "exec": ("program", _program),
    "cast": ("server", _server),
    "events": ("events", _kinds),
    "timeout": ("timeout", seconds_above_zero),
}


def event_handlers_schema(duration: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON Schema of ``on_event``; `duration` are the forms of a duration."""
    handler = {
        "type": "object",
        "properties": {
            "exec": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "cast": {"type": "string", "minLength": 1},
            "events": {"type": "array", "items": {"enum": [*KINDS]}, "minItems": 1},
            "timeout": {"anyOf": duration},
        },
        "oneOf": [{"required": ["exec"]}, {"required": ["cast"]}],
        "additionalProperties": False,
    }
    return {"anyOf": [handler, {"type": "array", "items": handler}]}
