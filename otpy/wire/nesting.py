"""The limit of nesting of values that processes of a tree pass on to one another."""

from collections.abc import Iterable
from typing import Final

from otpy.errors import ProtocolError

MAX_NESTING: Final = 200
"""As in a tree's file: far below what makes an encoder of any process run out of stack."""


def check_nesting(value: object) -> None:
    """Refuse a value that is nested too deep.

    A process that decodes a value at the top of its stack may, at another depth, fail to encode it.

    Raises:
        ProtocolError: There are more than `MAX_NESTING` containers within each other.
    """
    level: list[object] = [value]
    for _ in range(MAX_NESTING + 1):
        level = [each for item in level for each in _parts(item)]
        if not level:
            return
    raise ProtocolError(f"values nested over {MAX_NESTING} deep, expected at most {MAX_NESTING}")


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list | tuple) else ()
