"""The JSON Schema of events, with what their docstrings say."""

import inspect
import re
from typing import Any, Final, get_args

import msgspec

from otpy.events import Event

_EVERY_EVENT: Final = {
    "event": "The kind of event.",
    "at": "Unix time in seconds at which it was published.",
    "path": 'The process that it is about; "" is the root supervisor, "@node" the node.',
    "seq": "Its number in this run of the node, from 1 on; 0 from an otpy that did not number.",
    "boot": "The run of the node.",
}

_OF_MANY: Final = {
    "asked": "Its supervisor had asked it to end.",
    "child": "The id of the child.",
    "incarnation": "Which one, counted from 1 on.",
    "kind": "supervisor, worker or command.",
    "max_restarts": "So many restarts are allowed within max_seconds; null for any number.",
    "max_seconds": "The window in which restarts are counted.",
    "node": "The node's name.",
    "pid": "Of its process.",
    "reason": "Why, in the words of the exit reasons.",
    "restarts": "The number of restarts inside the window.",
}
"""What a field means in every kind of event whose docstring says nothing else of it."""

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of an event, as `events.jsonl` and `otpy events --json` have it."""
    schema = msgspec.json.schema(Event)
    ended = _attributes("ChildEnded")
    for name, kind in schema["$defs"].items():
        said = {**ended, **_attributes(name)} if name == "ChildStartFailed" else _attributes(name)
        kind["description"] = _summary(name)
        for field, shape in kind["properties"].items():
            told = _EVERY_EVENT.get(field) or said.get(field) or _OF_MANY.get(field)
            if told is not None:
                shape["description"] = told
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Event",
        "description": "An event of a node.",
        **schema,
    }


def _docstring(name: str) -> str:
    (kind,) = (kind for kind in get_args(Event) if kind.__name__ == name)
    return inspect.getdoc(kind) or ""


def _summary(name: str) -> str:
    return " ".join(_docstring(name).partition("\n\nAttributes:")[0].split())


def _attributes(name: str) -> dict[str, str]:
    return _attributes_in(_docstring(name))


def attributes_of(kind: type) -> dict[str, str]:
    """Return what the docstring of a class says of each of its attributes."""
    return _attributes_in(inspect.getdoc(kind) or "")


def _attributes_in(docstring: str) -> dict[str, str]:
    listed = docstring.partition("Attributes:")[2]
    return {found[1]: " ".join(found[2].split()) for found in _ATTRIBUTE.finditer(listed)}
