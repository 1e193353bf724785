"""The plugin for pytest: `otpy_node` and `otpy_run`.

It is loaded in every run of pytest where otpy is installed: so it imports no more than pytest has,
until a test uses a node.
"""

import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from otpy.testing.node import NodeUnderTest

_MARK: Final = "otpy_tree"
_NODES: Final = "otpy.testing.nodes"
_SHOWN_CHARACTERS: Final = 20_000


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(tree, *, name=None, timeout=60.0): the tree of the fixture otpy_node: "
        "a file, what the file would hold, or a list of children.",
    )


@pytest.fixture
def otpy_run() -> "Iterator[Callable[..., NodeUnderTest]]":
    """Run trees: ``otpy_run(tree)`` is the node of a tree that is up. They stop after the test."""
    from otpy.testing.nodes import private_nodes  # noqa: PLC0415 - see above

    with private_nodes() as nodes:
        yield nodes.run


@pytest.fixture
def otpy_node(
    request: pytest.FixtureRequest, otpy_run: "Callable[..., NodeUnderTest]"
) -> "NodeUnderTest":
    """Return the node of the tree that ``@pytest.mark.otpy_tree(tree)`` names; it is up.

    A relative path is looked for beside the test's file, and in the folders above, up to pytest's
    root directory.
    """
    mark = request.node.get_closest_marker(_MARK)
    if mark is None or len(mark.args) != 1:
        pytest.fail(
            f"otpy_node needs a tree: @pytest.mark.{_MARK}(TREE), where TREE is a file, what the "
            "file would hold, or a list of children",
            pytrace=False,
        )
    return otpy_run(_found(mark.args[0], request), **mark.kwargs)


def _found(tree: Any, request: pytest.FixtureRequest) -> Any:
    if not isinstance(tree, str | Path):
        return tree
    root = request.config.rootpath
    for folder in request.path.parents:
        if (folder / tree).exists():
            return folder / tree
        if folder == root:
            break
    return tree


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the nodes of the test before."""
    if (nodes := sys.modules.get(_NODES)) is not None:
        nodes.forget_closed()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    """Show in the report of a failed test what its nodes have printed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and (nodes := sys.modules.get(_NODES)) is not None:
        report.sections += [
            (f"otpy node {name}", text[-_SHOWN_CHARACTERS:]) for name, text in nodes.known_logs()
        ]
