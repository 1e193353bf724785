"""A fake node for each test, and a check that the test leaves no descriptor open."""

import gc
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import Node, connect
from tests.client.fake_node import FakeNode
from tests.support.node import fork_server


def open_descriptors() -> dict[int, str]:
    gc.collect()
    found: dict[int, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except FileNotFoundError:  # the one of the listing itself
            continue
    return found


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    if "nodes" in request.fixturenames:
        fork_server()  # it stays
    before = open_descriptors()
    yield
    leaked = {fd: what for fd, what in open_descriptors().items() if before.get(fd) != what}
    assert not leaked


@pytest.fixture
def otpy_dir(no_leaks: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not below tmp_path: the path of a Unix socket has to be short.
    path = Path(tempfile.mkdtemp(prefix="otpy-"))
    monkeypatch.setenv("OTPY_DIR", str(path))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def fake(otpy_dir: Path) -> Iterator[FakeNode]:
    fake = FakeNode()
    yield fake
    fake.close()


@pytest.fixture
def node(fake: FakeNode) -> Iterator[Node]:
    with connect(fake.name) as node:
        yield node
