"""The JSON Schema for editors: what it holds, without a validator at hand."""

import json
from typing import Any

from otpy.config import json_schema


def schema() -> dict[str, Any]:
    return json.loads(json.dumps(json_schema()))  # type: ignore[no-any-return]


def test_the_top() -> None:
    assert schema()["$schema"].endswith("2020-12/schema")
    assert schema()["anyOf"] == [
        {"required": ["children"]},
        {"properties": {"strategy": {"const": "dynamic"}}, "required": ["strategy"]},
    ]
    assert set(schema()["properties"]) == {
        *("name", "strategy", "max_restarts", "max_seconds", "auto_shutdown"),
        *("max_children", "template", "backoff", "log", "children"),
        *("env", "env_file", "inherit_env", "cwd", "user", "group", "umask", "nice"),
        *("cpu_affinity", "limits", "log_level", "on_event", "sockets"),
    }


def test_no_other_keys_anywhere() -> None:
    objects = [schema(), *(d for d in schema()["$defs"].values() if d.get("type") == "object")]
    assert len(objects) == 8
    assert all(fields["additionalProperties"] is False for fields in objects)


def test_a_child_is_one_of_four_kinds() -> None:
    kinds = [
        kind["$ref"].split("/")[-1] for kind in schema()["properties"]["children"]["items"]["oneOf"]
    ]
    required = [set(schema()["$defs"][kind]["required"]) for kind in kinds]
    assert required == [
        {"id", "start"},
        {"id", "start", "instances"},
        {"id", "command"},
        {"id"},
    ]
    assert schema()["$defs"]["SupervisorChild"]["anyOf"] == schema()["anyOf"]


def test_a_template_is_one_of_two_kinds_and_needs_no_id() -> None:
    template = schema()["properties"]["template"]
    (kinds,) = (kind["oneOf"] for kind in template["anyOf"] if "oneOf" in kind)
    required = [schema()["$defs"][kind["$ref"].split("/")[-1]]["required"] for kind in kinds]
    assert required == [["start"], ["command"]]
    assert "default" not in template


def test_every_field_is_described_where_it_stands() -> None:
    for fields in (schema(), *schema()["$defs"].values()):
        assert all(field["description"] for field in fields.get("properties", {}).values())


def test_a_variable_may_stand_for_a_number_or_a_word() -> None:
    reference = {"type": "string", "pattern": r"^\$\{.+\}$"}
    fields = schema()["properties"]
    assert reference in fields["max_restarts"]["anyOf"]
    assert reference in fields["strategy"]["anyOf"]
    (kinds,) = (each["anyOf"] for each in fields["max_restarts"]["anyOf"] if "anyOf" in each)
    assert {"type": "integer", "minimum": 0, "maximum": 10**9} in kinds
