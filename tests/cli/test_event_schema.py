"""`otpy schema events`: every kind of event that there is, and events of a real node (10.9)."""

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest
from jsonschema import (  # type: ignore[import-untyped]
    Draft202012Validator,
    ValidationError,
)

from otpy.events import Event, event_to_data
from tests.cli.commands import Run, running

TREE = """
name: small
children:
  - {id: a, restart: temporary, command: [sh, -c, "sleep 0.1; exit 3"]}
  - {id: b, command: [sleep, "100000"]}
"""

KINDS = get_args(Event)

_BY_TYPE = {"str": "x", "int": 7, "float": 1.5, "bool": True}


def example(kind: type[msgspec.Struct]) -> Any:
    """Return an event of a kind with a value in every field."""
    return kind(**{f.name: value_of(f.type) for f in msgspec.structs.fields(kind)})


def value_of(declared: Any) -> Any:
    """Return a value of a declared type."""
    if get_origin(declared) is tuple:
        return tuple(value_of(each) for each in get_args(declared) if each is not ...)
    return _BY_TYPE.get(getattr(declared, "__name__", ""), 7)  # an optional one is of a number


@pytest.fixture
def schema(otpy: Run) -> dict[str, Any]:
    found = otpy("schema", "events").data
    Draft202012Validator.check_schema(found)
    assert isinstance(found, dict)
    return found


def test_every_kind_of_event_is_valid(schema: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema)
    assert len(KINDS) > 20
    for kind in KINDS:
        assert validator.is_valid(json.loads(json.dumps(event_to_data(example(kind))))), kind
    with pytest.raises(ValidationError):
        validator.validate({"event": "NoSuch", "at": 1.0, "path": ""})
    with pytest.raises(ValidationError):
        validator.validate({"event": "ChildRemoved", "at": "noon", "path": ""})


def test_every_field_is_explained(schema: dict[str, Any]) -> None:
    assert set(schema["$defs"]) == {kind.__name__ for kind in KINDS}
    for name, kind in schema["$defs"].items():
        assert kind["description"], name
        for field, shape in kind["properties"].items():
            assert shape.get("description"), f"{name}.{field}"


def test_what_a_node_reports_is_valid(
    otpy: Run, schema: dict[str, Any], nowhere: Path, tmp_path: Path
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(TREE)
    with running(file, nowhere) as run:
        run.show_until("a: removed")
    events = [json.loads(line) for line in otpy("events", "--json").out.splitlines()]
    assert {"ChildEnded", "NodeStarted", "NodeStopped"} <= {event["event"] for event in events}
    for event in events:
        assert Draft202012Validator(schema).is_valid(event), event


def test_the_schema_of_trees_is_what_it_was(otpy: Run) -> None:
    assert otpy("schema").data == otpy("schema", "tree").data
    assert "children" in otpy("schema").data["properties"]
    assert otpy("schema", "nothing").status == 2
