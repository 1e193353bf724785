"""A tree that was imported -> the text of its file."""

from collections.abc import Iterator
from typing import Final

import yaml

from otpy.importing.result import Entry, Imported

_WIDTH: Final = 110


def tree_text(tree: Imported) -> str:
    """Return the text of the tree's file."""
    lines = [f"# From {_one_line(tree.source)}, by otpy import.", *_dumped(tree.fields), ""]
    lines += _children(tree.entries)
    return "\n".join(lines) + "\n"


def _children(entries: list[Entry]) -> Iterator[str]:
    if all(entry.is_left_out for entry in entries):
        yield "children: []"
    else:
        yield "children:"
    for entry in entries:
        yield from (f"  {line}".rstrip() for line in _entry(entry))


def _entry(entry: Entry) -> Iterator[str]:
    if entry.remark:
        yield f"# {_one_line(entry.remark)}"
    first, *others = _body(entry)
    item = [f"- {first}", *(f"  {line}".rstrip() for line in others)]
    yield from (f"# {line}" for line in item) if entry.is_left_out else item


def _body(entry: Entry) -> Iterator[str]:
    yield from _dumped(entry.fields)
    if entry.children is not None:
        yield from _children(entry.children)


def _dumped(fields: dict[str, object]) -> Iterator[str]:
    for key, value in fields.items():
        # None: what holds only scalars on one line, the rest in lines of its own.
        flow = None if isinstance(value, list | dict) else False
        text = yaml.safe_dump(
            {key: value},
            sort_keys=False,
            default_flow_style=flow,
            width=_WIDTH,
            allow_unicode=True,
        )
        yield from text.splitlines()


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
