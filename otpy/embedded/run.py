"""Run a tree from a program, for as long as a block lasts."""

import select
from collections.abc import Iterator
from contextlib import contextmanager

from otpy.client.node import Node, connect
from otpy.embedded.node_process import NodeProcess, Output, Tree, load_tree
from otpy.links.deadline import TooLate, has_passed, poll_ms, until_readable, within


@contextmanager
def run(
    tree: Tree,
    *,
    name: str | None = None,
    stdout: Output = None,
    stderr: Output = None,
    timeout: float | None = None,
) -> Iterator[Node]:
    """Run a tree, and stop it in order at the end of the block.

    ``with otpy.run("shop.yaml") as node:`` starts the tree in a process of its own, as ``otpy run``
    does, and goes on once it is up. When this program ends, however that happens, the tree stops.

    Args:
        tree: A file, the fields of a tree as YAML would hold them, or the list of its children.
            With fields or a list ``start`` may be a class or a function, too, and a path a
            `pathlib.Path`; relative paths start from the current directory, and variables such as
            ``${HOME}`` are not expanded.
        name: The node's; by default the tree's `name`, or one of its own, so that two programs, or
            two runs of one, never meet.
        stdout: Where the node's log and what children print goes, as in `subprocess.run`; by
            default to this program's stdout.
        stderr: Where complaints go; by default to this program's stderr.
        timeout: Seconds to wait until the tree is up, or None for ever.

    Yields:
        The node, connected.

    Raises:
        SpecError: The tree has mistakes, a line for each.
        StartFailed: A child failed to start; with its reason.
        NodeAlreadyRunning: A node of that name runs.
        RuntimeDirError: The directory of the nodes' sockets cannot be used.
        CallTimeout: The tree was not up in time; it was stopped.
        ProcessDown: At the end: the node had given up by itself, or was killed.
    """
    config, is_own = load_tree(tree, name)
    process = NodeProcess(config, is_own=is_own, stdout=stdout, stderr=stderr)
    try:
        try:
            await_up(process, timeout)
            with connect(process.name, timeout=timeout) as node:
                yield node
        finally:
            stop(process)
        process.raise_failure()
    finally:
        process.close()


def await_up(process: NodeProcess, timeout: float | None) -> None:
    """Wait until the tree of a node is up.

    Raises:
        CallTimeout: It was not in time.
        OtpyError: It failed to start; see `NodeProcess.take_report`.
    """
    with within(timeout, f"node {process.name!r} was not up") as deadline:
        poll = select.poll()
        poll.register(process.report, select.POLLIN)
        poll.register(process.pidfd.fileno(), select.POLLIN)
        while not poll.poll(poll_ms(deadline)):
            if has_passed(deadline):
                raise TooLate
    process.take_report()


def stop(process: NodeProcess) -> None:
    """Stop a node in order, and wait until nothing of it is left; an interruption kills it.

    In a fork of the program nothing is done: the node is the program's.
    """
    if process.is_of_parent:
        return
    try:
        process.stop()
        until_readable(process.pidfd, None)
    except BaseException:
        process.stop_now()
        until_readable(process.pidfd, None)
        raise
    finally:
        process.reap()
        process.clear_up()
