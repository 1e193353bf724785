"""An INI file as supervisord reads it, with the line of each key."""

import configparser
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from otpy.importing.result import CannotImport

_SECTION: Final = re.compile(r"\[(?P<name>.+)\]")
_KEY: Final = re.compile(r"(?P<name>[^\s;#=:][^=:]*?)\s*[=:]")


@dataclass(slots=True)
class Value:
    """A value, and where it stands."""

    text: str
    file: str
    line: int


@dataclass(slots=True)
class Section:
    """A section, and where it begins; a key that is given again counts."""

    name: str
    file: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)


def read_ini(path: str, sections: dict[str, Section]) -> None:
    """Read a file into `sections`, which may have some from other files.

    Raises:
        CannotImport: It cannot be read, or is no INI file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CannotImport(f"{path}: cannot be read: {error.strerror}") from None
    # As supervisor.options.UnhosedConfigParser.
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(text, path)
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [(1,)])))[0]
        raise CannotImport(f"{path}:{line}: is no line of an INI file") from None
    lines = dict(_lines(text))
    for name in parser.sections():
        section = sections.setdefault(name, Section(name, path, lines.get((name, ""), 1)))
        for key, value in parser.items(name):
            section.values[key] = Value(value or "", path, lines.get((name, key), section.line))


def _lines(text: str) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield the line of each section and of each key; the last one of a key counts."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _SECTION.match(line):
            section = found["name"]
            yield (section, ""), number
        elif found := _KEY.match(line):
            yield (section, found["name"].strip().lower()), number
