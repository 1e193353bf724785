"""What goes down the tree as a pickle leaves nothing behind, and arrives as it was (6.5)."""

import pickle
import tracemalloc
from collections.abc import Callable

import pytest

from otpy.core.exits import Killed, Raised
from otpy.core.messages import ChildRow, StartChild
from otpy.core.spec import ChildSpec, Restart, ServerStart, SupervisorSpec
from otpy.errors import NoProcess
from otpy.events import ChildRemoved
from otpy.runtime.record_fields import as_dict, dumps
from otpy.wire.control import Address, Ask, Assignment, LinkOpened, Publish

SPEC = ChildSpec("w", ServerStart("shop:Work", (1,), {"a": 2}), Restart.TEMPORARY)
MESSAGES = [
    Publish((ChildRemoved(at=1.0, path="a"),)),
    LinkOpened(1, "a", 2, 3),
    Ask(5, ("tree", "a"), StartChild(SPEC), Address("b", 1)),
    Assignment("a", 1, target="shop:Work"),
    SupervisorSpec(children=(SPEC,)),
    Raised("ValueError: no", "trace"),
    Killed(),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_is_pickled_arrives_as_it_was(message: object) -> None:
    assert pickle.loads(dumps((3, message))) == (3, message)


def test_errors_and_classes_are_pickled_as_ever() -> None:
    error, kind = pickle.loads(dumps((NoProcess("gone"), ChildRow)))
    assert (type(error), error.args, kind) == (NoProcess, ("gone",), ChildRow)


def grown(do: Callable[[], object]) -> int:
    tracemalloc.start()
    for _ in range(10):
        do()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        do()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before


def test_a_thousand_messages_leave_nothing_behind() -> None:
    """CPython keeps up to 2,000 tuples of each length that had been made longer."""
    row = ChildRow("a", "running", "worker", 1)
    assert as_dict(row) == {"id": "a", "state": "running", "kind": "worker", "incarnation": 1}
    assert grown(lambda: as_dict(row)) < 64 << 10
    assert grown(lambda: pickle.loads(dumps(MESSAGES))) < 64 << 10
