"""What was read of another tool's file: a tree to be written, and what could not be carried."""

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MOST: Final = 1_000_000_000
"""The largest number of restarts and of seconds that a tree may have."""

MOST_COPIES: Final = 1000
"""Of a program that are written out."""

_MOST_OF_NAME: Final = 80


class CannotImport(Exception):
    """The file cannot be read as one of the tool's; the text has its name, and a line if known."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """Something that could not be carried, or only in another way.

    Attributes:
        file: The file.
        line: In it, from 1 on.
        text: What, and what to do about it.
    """

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(slots=True)
class Entry:
    """A child of the tree.

    Attributes:
        fields: As they stand in the tree's file, in order.
        children: Of a supervisor; None for a program.
        remark: What stands above it as a comment.
        is_left_out: All of it is a comment: the tool would not start it.
    """

    fields: dict[str, object]
    children: "list[Entry] | None" = None
    remark: str = ""
    is_left_out: bool = False


@dataclass(slots=True)
class Imported:
    """A tree.

    Attributes:
        source: The file that it is from.
        fields: Of the top, without the children.
        entries: The children.
        notes: What was not carried.
    """

    source: str
    fields: dict[str, object] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, file: str, line: int, text: str) -> None:
        """Note what could not be carried."""
        self.notes.append(Note(file, line, text))


def literal(text: str) -> str:
    """Return text as it stands in a tree's file, where ``${`` begins a variable."""
    return text.replace("\0", "").replace("${", "$${")


def variable(name: str, default: str | None = None) -> str:
    """Return what stands for a variable of the environment in a tree's file."""
    return f"${{{name}}}" if default is None else f"${{{name}:-{default}}}"


def name_of(text: str, taken: Iterable[str] = ()) -> str:
    """Return a name like `text` that an id or a node may have, and that is not `taken`."""
    name = re.sub(r"[^\w.:+=-]+", "-", text).strip("-")[:_MOST_OF_NAME].lstrip(".@") or "child"
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def seconds(number: float) -> str:
    """Write a duration, to the millisecond."""
    text = f"{min(number, MOST):.3f}".rstrip("0").rstrip(".")
    return f"{text}s"


def stop_signal(given: str) -> str | None:
    """Return the name of a signal that stops a process, by its name or number; None for others."""
    known = {each.name.removeprefix("SIG"): int(each) for each in signal.Signals}
    name = given.strip().upper().removeprefix("SIG")
    if name.isdecimal():
        name = next((each for each, number in known.items() if number == int(name)), "")
    return name if name in known and name not in {"STOP", "CONT"} else None


def finish(tree: Imported) -> Imported:
    """Make ids unique among siblings, and let an end that ends all do so from where it stands."""
    _unique(tree.entries)
    if _passed_on(tree.entries):
        tree.fields["auto_shutdown"] = "any_significant"
    return tree


def _unique(entries: list[Entry]) -> None:
    taken: set[str] = set()
    for entry in entries:
        id_ = name_of(str(entry.fields["id"]), taken)
        taken.add(id_)
        entry.fields["id"] = id_
        _unique(entry.children or [])


def _passed_on(entries: list[Entry]) -> bool:
    """Make each supervisor above a significant child significant; return whether there is one."""
    for entry in entries:
        if entry.children is not None and _passed_on(entry.children):
            entry.fields |= {"restart": "transient", "significant": True}
            entry.fields["auto_shutdown"] = "any_significant"
    return any("significant" in entry.fields and not entry.is_left_out for entry in entries)


def move(tree: Imported, folder: Path) -> None:
    """Have relative paths hold in a tree's file in another folder than the source's."""
    source = Path(tree.source).resolve().parent
    if folder.resolve() != source:
        _move(tree.fields, tree.entries, source)


def _move(fields: dict[str, object], entries: list[Entry], source: Path) -> None:
    for key in ("cwd", "env_file"):
        match fields.get(key):
            case str() as path:
                fields[key] = _moved(path, source)
            case list() as paths:
                fields[key] = [_moved(str(path), source) for path in paths]
            case _:
                pass
    if isinstance(log := fields.get("log"), dict):
        log["file"] = _moved(str(log["file"]), source)
    for entry in entries:
        _move(entry.fields, entry.children or [], source)


def _moved(path: str, source: Path) -> str:
    return path if path.startswith("${") else str(source / path)
