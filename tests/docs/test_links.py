"""What the pages point at is there; mkdocs looks after the links within the site."""

import re
from typing import Final

import pytest

from tests.docs.pages import Page, all_pages
from tests.support.environment import ROOT

_FILE: Final = re.compile(r"`((?:otpy|tests|scripts|configs|requirements)/[^` *{}]*)`")


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Page) -> None:
    named = _FILE.findall(page.path.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []
