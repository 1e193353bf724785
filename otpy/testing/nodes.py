"""The nodes of one test: a directory of their own, their output, what may not be left of them."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otpy.client.node import connect
from otpy.embedded.node_process import NodeProcess, Tree, load_tree
from otpy.embedded.run import await_up, stop
from otpy.errors import OtpyError
from otpy.runtime.node.orphans import end_orphans, processes_of
from otpy.system.nodedir import node_names
from otpy.testing.node import PATIENCE_S, NodeUnderTest, open_node

START_S: Final = 60.0
"""Seconds that a tree may take to be up, by default."""

_LONGEST_PLACE: Final = 40
_FILES_OF_A_RUN: Final = ("control.sock", "node.json")


class LeftOver(AssertionError):
    """Something of a node is left after its end: a process, a socket, a file, or the node."""


class Nodes:
    """The nodes of one test, in a runtime directory that no other node has.

    Attributes:
        folder: That directory: $OTPY_DIR, until they are closed.
    """

    def __init__(self) -> None:
        # Short: the path of a Unix socket has at most 107 bytes.
        place = tempfile.gettempdir()
        place = place if len(place) <= _LONGEST_PLACE else "/tmp"  # noqa: S108  # made private there
        self.folder = Path(tempfile.mkdtemp(prefix="otpy-test-", dir=place))
        self._before = {name: os.environ.get(name) for name in ("OTPY_DIR", "OTPY_STATE")}
        os.environ.update(OTPY_DIR=str(self.folder), OTPY_STATE=str(self.folder / "states"))
        self._started: list[tuple[NodeProcess, Path]] = []
        self._open = contextlib.ExitStack()
        self._kept: list[tuple[str, str]] | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing of them runs any more."""
        return self._kept is not None

    def run(
        self, tree: Tree, *, name: str | None = None, timeout: float = START_S
    ) -> NodeUnderTest:
        """Run a tree, and wait until it is up; it is stopped after the test.

        Args:
            tree: A file, the fields of a tree as YAML would hold them, or the list of its children;
                as for `otpy.run`.
            name: The node's; by default the tree's `name`, or one of its own.
            timeout: Seconds to wait until it is up.

        Raises:
            SpecError: The tree has mistakes.
            StartFailed: A child failed to start.
            CallTimeout: The tree was not up in time.
        """
        config, _ = load_tree(tree, name)
        output = self.folder / f"output-{len(self._started)}"
        with output.open("wb") as file:
            process = NodeProcess(config, is_own=False, stdout=file, stderr=file)
        self._started.append((process, output))
        self._open.callback(process.close)
        self._open.callback(stop, process)
        await_up(process, timeout)
        return self._open.enter_context(open_node(process.name, output, timeout))

    def logs(self) -> list[tuple[str, str]]:
        """Return the name and the output of each node that there was."""
        if self._kept is not None:
            return self._kept
        return [(each.name, output.read_text(errors="replace")) for each, output in self._started]

    def close(self) -> None:
        """Stop what runs, and remove everything.

        Raises:
            LeftOver: Something of a node is left.
        """
        try:
            self._open.close()
            left = [*self._processes(), *self._files(), *self._others()]
        finally:
            self._kept = self.logs()
            for name, value in self._before.items():
                del os.environ[name]
                if value is not None:
                    os.environ[name] = value
            shutil.rmtree(self.folder, ignore_errors=True)
        if left:
            raise LeftOver("\n".join(["left over:", *(f"  {each}" for each in left)]))

    def _processes(self) -> Iterator[str]:
        """Find the processes of nodes that have ended, and end them."""
        for name in dict.fromkeys(process.name for process, _ in self._started):
            folder = self.folder / name
            if not folder.exists():
                continue
            for pid, command in processes_of(folder):
                yield f"process {pid} of node {name!r}: {command}"
            end_orphans(folder)

    def _files(self) -> Iterator[str]:
        """Find what a node that ended by itself removes."""
        for process, _ in self._started:
            folder = self.folder / process.name
            if process.was_killed or not folder.is_dir():
                continue
            for path in sorted(folder.rglob("*")):
                if path.name in _FILES_OF_A_RUN or stat.S_ISSOCK(path.lstat().st_mode):
                    yield f"file {path.relative_to(self.folder)} of node {process.name!r}"

    def _others(self) -> Iterator[str]:
        """Find the nodes that the test has started by itself, and stop them."""
        for name in node_names():
            yield f"node {name!r}, which runs"
            with contextlib.suppress(OtpyError, OSError), connect(name) as node:
                node.shutdown(timeout=PATIENCE_S)


_known: Final[list[Nodes]] = []
"""Those that are open, and those that were closed since `forget_closed`."""


@contextlib.contextmanager
def private_nodes() -> Iterator[Nodes]:
    """Yield the nodes of a test; none of them may leave anything.

    Raises:
        LeftOver: At the end: one has.
    """
    nodes = Nodes()
    _known.append(nodes)
    try:
        yield nodes
    finally:
        nodes.close()


def known_logs() -> list[tuple[str, str]]:
    """Return the name and the output of each node that may be why a test failed."""
    return [log for nodes in _known for log in nodes.logs()]


def forget_closed() -> None:
    """Forget the output of nodes that are closed: another test begins."""
    _known[:] = [nodes for nodes in _known if not nodes.closed]


@contextlib.contextmanager
def run(
    tree: Tree, *, name: str | None = None, timeout: float = START_S
) -> Iterator[NodeUnderTest]:
    """Run a tree for a block, in a runtime directory of its own: $OTPY_DIR in the block.

    Args and what is raised are those of `otpy.run`, but that a node gave up, or was killed, is no
    error at its end.

    Raises:
        LeftOver: At the end: something of the node is left.
    """
    with private_nodes() as nodes:
        yield nodes.run(tree, name=name, timeout=timeout)
