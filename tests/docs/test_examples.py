"""Everything that a page shows can be done, and what it says then follows."""

from pathlib import Path

import pytest

from tests.docs.pages import Page, all_pages
from tests.docs.reader import Reader

PAGES = [page for page in all_pages() if page.blocks()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_so(page: Page, reader: Reader) -> None:
    if needed := page.note("page needs"):
        pytest.importorskip(needed)
    reader.read(page)


@pytest.mark.parametrize(
    "text",
    [
        "```python\n1 + 1  # -> 3\n```",
        "```python\nx = 1 + 1  # -> 3\n```",
        "```python\n1 + 1  # raises ValueError\n```",
        "```python\n1 / 0\n```",
        "```console\n$ echo one\ntwo\n```",
        "```console\n$ echo one\n```",
        "```yaml\n- {id: a, comand: [b]}\n```",
        '```json title="a.json"\n{]\n```',
        "```basic\n10 GOTO 10\n```",
    ],
)
def test_what_is_not_so_would_be_found(text: str, tmp_path: Path, reader: Reader) -> None:
    file = tmp_path / "page.md"
    file.write_text(text)
    with pytest.raises((Exception, pytest.fail.Exception)) as raised:
        reader.read(Page(file))
    assert raised.value.__notes__ == [f"at {file}:2"]
