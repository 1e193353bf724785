"""A node where only few files may be open, as a service's or a shell's limit has it."""

import sys

from tests.support.node import Nodes, NodeUnderTest

LIMIT = 80
_COUNTER = "otpy.examples.counter:Counter"


def tree() -> str:
    """Describe a tree that just fits: a nested supervisor starts in the midst of many workers."""
    workers = [f"{{id: {name}{n}, start: '{_COUNTER}'}}" for name in "ab" for n in range(6)]
    below = "".join(f"\n      - {{id: c{n}, start: '{_COUNTER}'}}" for n in range(10))
    lines = [*workers[:8], f"id: s\n    children:{below}", *workers[8:]]
    return "name: few\nchildren:\n" + "".join(f"  - {line}\n" for line in lines)


def limited(nodes: Nodes, text: str) -> NodeUnderTest:
    command = [sys.executable, "-m", "otpy", "run", str(nodes.write(text))]
    return nodes.start_by("few", ["sh", "-c", f'ulimit -n {LIMIT}; exec "$@"', "sh", *command])


def test_what_is_forked_ahead_leaves_descriptors_for_the_boot(nodes: Nodes) -> None:
    """6.8: the pipes of processes forked ahead took all, and the third worker did not start."""
    node = limited(nodes, tree()).up()
    for name in ("a0", "b5", "c0", "c9"):
        assert node.call(name, "increment", 1) == 1
    node.recover("b5")
    assert node.call("b5", "increment", 1) == 1
    assert node.stop() == 0
