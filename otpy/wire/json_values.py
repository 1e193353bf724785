"""Values that JSON can hold."""

from typing import Any


def encodable(value: Any) -> Any:
    """Return JSON data without lone surrogates: their escapes are in their place."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(item) for item in value]
    return value
