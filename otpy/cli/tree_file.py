"""A node, and the tree's file that it is to run: read as the node itself would read it."""

import contextlib
import gc
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from otpy.cli.session import Session, connected
from otpy.errors import NodeNotFound, SpecError
from otpy.system.descriptor import Descriptor
from otpy.system.nodedir import node_names
from otpy.system.signals import raising_when_stopped

if TYPE_CHECKING:
    from otpy import Node
    from otpy.config import TreeConfig


class NodeAndFile(NamedTuple):
    """A node, and what it is to run.

    Attributes:
        node: It runs.
        file: The path of the file, as the user gave it, or as the node has it.
        config: What is in the file.
    """

    node: "Node"
    file: str
    config: "TreeConfig"


def node_and_file(ctx: click.Context, file: str | None) -> NodeAndFile:
    """Connect to a node, and read and check a tree's file for it.

    The node is the one that the command line names; else the only one; else the one of the name in
    the file, or of the file.

    Args:
        ctx: Of the command; the connection is closed with it.
        file: The file; by default the one that the node runs.

    Raises:
        SpecError: The file has mistakes, or is another node's.
        NodeNotFound: There is no such node.
    """
    _collect_nothing(ctx)
    session = ctx.ensure_object(Session)
    is_chosen = session.node is not None
    if not is_chosen and file is not None and len(node_names()) > 1:
        session.node = _name_of(file)
    node = connected(ctx)
    given = file or _file_of(node)
    config = load_as_node(node.pid, given)
    if config.is_named and config.name != node.name:
        if not is_chosen:
            from otpy.client.running_nodes import not_running  # noqa: PLC0415 - rarely needed

            raise NodeNotFound(not_running(config.name))
        text = f"name: got {config.name!r}, expected {node.name!r}: a running node keeps its name"
        raise SpecError([f"{given}:1:1: {text}"])
    return NodeAndFile(node, given, config)


def _collect_nothing(ctx: click.Context) -> None:
    """Leave garbage alone: of the values of a large tree none is, and a collection visits all."""
    if gc.isenabled():
        gc.disable()
        ctx.call_on_close(gc.enable)


def _name_of(file: str) -> str | None:
    from otpy.config.file import name_in  # noqa: PLC0415 - slow to import

    stem = Path(file).stem
    return name_in(file) or (stem if stem in node_names() else None)


def _file_of(node: "Node") -> str:
    """Return the file that a node runs."""
    if not node.config:
        raise click.UsageError(f"node {node.name!r} runs no file; say which FILE is meant")
    if Path(node.config).exists() and not Path(node.config).is_file():
        about = f"node {node.name!r} was started from {node.config}, which cannot be read again"
        raise click.UsageError(f"{about}; say which FILE is meant")
    return node.config


def load_as_node(pid: int, file: str) -> "TreeConfig":
    """Read and check a tree's file in the directory and the environment that a node was started in.

    Variables in it, its modules and its programs are then those that the node finds.

    Raises:
        SpecError: With a line for each mistake.
    """
    from otpy.config import load  # noqa: PLC0415 - slow to import

    path = str(Path(file).absolute())
    try:
        with _as_node(pid), raising_when_stopped():
            return load(path)
    except SpecError as error:
        raise SpecError([f"{file}{m.removeprefix(path)}" for m in error.mistakes]) from None


@contextlib.contextmanager
def _as_node(pid: int) -> Iterator[None]:
    own = dict(os.environ)
    with Descriptor(os.open(".", os.O_PATH | os.O_DIRECTORY)) as here:
        # Its own may be removed, or another user's: then this one does.
        with contextlib.suppress(OSError):
            os.chdir(f"/proc/{pid}/cwd")
        _set_environment(environment_of(pid) or own)
        try:
            yield
        finally:
            _set_environment(own)
            os.chdir(here.fileno())


def _set_environment(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def environment_of(pid: int) -> Mapping[str, str]:
    """Return the environment that a process was started with; nothing if it is not ours to see."""
    from otpy.system.marks import VARIABLE  # noqa: PLC0415 - it looks into this process's memory

    try:
        data = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (each.partition(b"=") for each in data.split(b"\0") if b"=" in each)
    found = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    found.pop(VARIABLE, None)  # what is started here is none of the node's
    return found
