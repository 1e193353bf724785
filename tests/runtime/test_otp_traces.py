"""Real processes do what Erlang/OTP did: a part of the recorded scenarios.

All 520 of them: OTPY_TEST_ALL_TRACES=1.
"""

import os
import random
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from tests.core.replay import scenarios
from tests.support.environment import ROOT
from tests.support.node import Nodes
from tests.support.real_replay import Record, replay

TRACES: Final = ROOT / "tests" / "data" / "otp-traces"
RANDOM: Final = 40


def chosen() -> Iterator[Record]:
    """Choose each second hand-written one, those that hang, and some random ones."""
    hand: Sequence[Record] = list(scenarios(TRACES / "hand.jsonl"))
    rest: Sequence[Record] = list(scenarios(TRACES / "random.jsonl"))
    if os.environ.get("OTPY_TEST_ALL_TRACES"):
        yield from (*hand, *rest)
        return
    for number, record in enumerate(hand):
        if number % 2 == 0 or '"hangs"' in str(record).replace("'", '"'):
            yield record
    yield from random.Random(19960521).sample(rest, RANDOM)


CHOSEN: Final = list(chosen())


def test_the_choice_covers_every_operation() -> None:
    done = {step["op"] for record in CHOSEN for step in record["scenario"]["steps"]}
    assert done == {
        "kill",
        "crash",
        "exit",
        "kill_supervisor",
        "start_child",
        "restart_child",
        "terminate_child",
        "delete_child",
        "which_children",
        "count_children",
        "shutdown",
    }


@pytest.mark.parametrize("recorded", CHOSEN, ids=lambda record: str(record["scenario"]["id"]))
def test_trace_equals_that_of_otp(nodes: Nodes, recorded: Record) -> None:
    theirs, ours = replay(nodes, recorded)
    assert ours == theirs
