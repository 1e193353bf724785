"""The pages that people read, and the fenced blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.environment import ROOT

DOCS: Final = ROOT / "docs"

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w+-]*) *(?P<rest>.*)$")
_TITLE: Final = re.compile(r'title="([^"]*)"')
_NOTE: Final = re.compile(
    r"^ *<!-- (?P<kind>continues|page needs|needs|not run|output|wrong): (?P<text>.*?)(?: -->)?$"
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: The line that its text begins at.
        language: What is behind the backticks.
        title: The file that it is, if it is one.
        text: What is in it.
        notes: The comments right before it, ``<!-- KIND: TEXT -->``, text by kind; or the first
            line of the comment that it is in.
    """

    line: int
    language: str
    title: str
    text: str
    notes: dict[str, str]


@dataclass(frozen=True)
class Page:
    """A page, by its path from the root of the checkout."""

    path: Path

    @property
    def name(self) -> str:
        """Its path, as the tests are called."""
        return str(self.path).removeprefix(f"{ROOT}/")

    def blocks(self) -> list[Block]:
        """Return all fenced blocks, those in comments too, which readers do not see."""
        return list(_blocks(self.path.read_text().splitlines()))

    def note(self, kind: str) -> str | None:
        """Return the text of the comment ``<!-- KIND: TEXT -->`` that the page as a whole has."""
        matches = (_NOTE.match(line) for line in self.path.read_text().splitlines())
        return next((found["text"] for found in matches if found and found["kind"] == kind), None)

    def before(self) -> "Page | None":
        """Return the page whose files this one goes on with."""
        name = self.note("continues")
        return None if name is None else Page(self.path.parent / name)


def _blocks(lines: list[str]) -> Iterator[Block]:
    number, notes = 0, dict[str, str]()
    while number < len(lines):
        line = lines[number]
        number += 1
        if note := _NOTE.match(line):
            notes[note["kind"]] = note["text"]
        elif fence := _FENCE.match(line):
            first = number
            while lines[number].strip() != fence["ticks"]:
                number += 1
            title = _TITLE.search(fence["rest"])
            yield Block(
                first + 1,
                fence["language"],
                title[1] if title else "",
                "".join(text.removeprefix(fence["indent"]) + "\n" for text in lines[first:number]),
                notes,
            )
            number, notes = number + 1, {}
        elif line.strip():
            notes = {}


def all_pages() -> list[Page]:
    """Return README, CONTRIBUTING and every page of the site."""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    return [Page(file) for file in files]
