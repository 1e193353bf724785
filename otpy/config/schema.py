"""The JSON Schema of a tree, for editors."""

from typing import Any

VARIABLE = {"type": "string", "pattern": r"^\$\{.+\}$"}


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of a tree's file."""
    # Only a program that reads fields pays for pydantic.
    from otpy.config.fields import Tree  # noqa: PLC0415

    schema: dict[str, Any] = Tree.model_json_schema()
    del schema["properties"]["name"]["default"]  # "" stands for: not given
    for fields in (schema, schema["$defs"]["SupervisorChild"]):
        _unite_with_nothing(fields["properties"]["template"])
    for fields in (schema, *schema["$defs"].values()):
        for key, field in fields.get("properties", {}).items():
            if field.get("default", 0) is None:
                del field["default"]  # it stands for: not given
            fields["properties"][key] = _or_variable(field)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _unite_with_nothing(field: dict[str, Any]) -> None:
    """Remove the null that stands for: not given."""
    del field["default"]
    (kinds,) = (kind for kind in field.pop("anyOf") if kind.get("type") != "null")
    field.update(kinds)


def _or_variable(field: dict[str, Any]) -> dict[str, Any]:
    """Allow ``${VAR}`` where the schema alone would ask for a number or one of a few words."""
    if field.get("type") in ("string", "array") or isinstance(field.get("type"), list):
        return field
    about = {key: field[key] for key in ("title", "description", "default") if key in field}
    return about | {"anyOf": [{k: v for k, v in field.items() if k not in about}, VARIABLE]}
