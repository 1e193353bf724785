"""Fixtures of the tests of the documentation."""

from collections.abc import Iterator

import pytest

from tests.docs.reader import Reader
from tests.support.node import Nodes


@pytest.fixture
def reader(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Reader]:
    """Work through pages; what they have left open is closed in the end."""
    reader = Reader(nodes, monkeypatch, capsys)
    yield reader
    reader.close()
