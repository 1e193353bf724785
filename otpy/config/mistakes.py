"""A mistake, where it stands, and the few phrases that all of them share."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Loc: TypeAlias = tuple[object, ...]
"""Keys and indexes that lead from the top of the data to one value."""

SHOWN_CHARACTERS = 60
HUGE_BITS = 128


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with the data.

    Attributes:
        at: The value that is wrong.
        text: The mistake, the value found, the value expected.
        on_key: Not that value is wrong but the key that leads to it.
    """

    at: Loc
    text: str
    on_key: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """One thing that is wrong with the text; lines and columns count from 1."""

    line: int
    column: int
    text: str


def dotted(at: Loc, start: str = "") -> str:
    """Write a place as ``children[2].restart``, or ``child.restart`` with a `start`."""
    path = start
    for step in at:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else str(step)
    return path


def field_of(at: Loc) -> Loc:
    """Return the last key of a path and what follows: ``command[1]``."""
    keys = [i for i, step in enumerate(at) if isinstance(step, str)]
    return at[keys[-1] :] if keys else at


def show(value: object, written: str | None = None) -> str:
    """Format the wrong value as YAML.

    Args:
        value: The wrong value.
        written: Its text, if it is from a file; shown where YAML reads it as another value.
    """
    shown = _in_yaml(value)
    if written and isinstance(value, bool | int | float) and written != shown:
        return f"{_cut(written)} (YAML reads it as {shown})"
    return shown


def _in_yaml(value: object) -> str:
    match value:
        case None:
            shown = "nothing"
        case bool():
            shown = "true" if value else "false"
        case int() if value.bit_length() > HUGE_BITS:
            shown = "a huge number"  # Python refuses to print the longest of them
        case int() | float():
            shown = str(value)
        case str():
            shown = _cut(repr(str(value)))
        case list() | tuple():
            shown = "a list" if value else "an empty list"
        case dict():
            shown = "a mapping"
        case _:
            shown = f"a value of type {type(value).__name__}"
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def one_of(words: Iterable[str]) -> str:
    """Join as ``permanent, transient or temporary``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return which of `known` was probably meant; empty if none comes near."""
    if not isinstance(word, str):
        return ""
    near = difflib.get_close_matches(word[:SHOWN_CHARACTERS], list(known), n=1)
    return f"; did you mean {str(near[0])!r}?" if near else ""


def quotes_help(value: object) -> str:
    """Return how a scalar that YAML takes for something else becomes a string."""
    return "; put it in quotes" if not isinstance(value, str | list | dict | None) else ""
