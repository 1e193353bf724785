"""Fixtures for every test."""

import functools
import gc
import os
from collections.abc import Callable, Generator, Iterator

import pytest
from hypothesis import settings

from tests.support import logs
from tests.support.checked import clean_up, take_mistakes
from tests.support.environment import (
    compile_once,
    forget_the_developers_nodes,
    restore_signals,
    use_this_checkout,
)
from tests.support.node import Nodes, NodeUnderTest, fork_server, private_nodes

compile_once()
use_this_checkout()
forget_the_developers_nodes()
# On a busy machine an example takes as long as it takes. The same ones are tried each time, so that
# what passes here passes elsewhere; others are, each time, for who looks for mistakes.
settings.register_profile(
    "untimed", deadline=None, derandomize="OTPY_TEST_EXPLORE" not in os.environ
)
settings.load_profile("untimed")

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += logs.sections()
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Do once what takes time, or a descriptor, in a test.

    The fork server is there before anybody looks which descriptors are open. A look for garbage
    passes over all that was imported: that took a third of a test.
    """
    if any({"nodes", "shared"} & set(getattr(item, "fixturenames", ())) for item in session.items):
        fork_server()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    restore_signals()


@pytest.fixture
def nodes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    """Start real nodes; when the test ends, nothing of them may be left."""
    with private_nodes(monkeypatch, lambda: request.node.stash.get(_failed, False)) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def shared() -> Iterator[Callable[[str], NodeUnderTest]]:
    """Return the node of a tree that the tests of a module share, since they only ask it.

    A test that does so uses no `nodes` of its own.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        private_nodes(patch, lambda: False) as nodes,
    ):
        yield functools.cache(nodes.run)


@pytest.fixture(autouse=True)
def no_mistake_with_a_descriptor() -> Iterator[None]:
    """Fail a test during which a process, of a node's or this one, misused a descriptor."""
    yield
    if text := take_mistakes():
        pytest.fail(f"a descriptor was misused:\n{text}", pytrace=False)


def pytest_unconfigure() -> None:
    clean_up()
