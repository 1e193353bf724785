"""kill -9 of every process of the shop in turn: what should be back is back, the rest untouched."""

import signal
from collections.abc import Iterator
from typing import Any, Final

import pytest

from otpy.events import ChildEnded, ChildStarted, ChildStarting, GaveUp
from tests.support.environment import ROOT
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import is_alive

SHOP: Final = ROOT / "configs" / "shop.yaml"

COUNTERS: Final = {"counters", "counters/visitors", "counters/sales"}
BACK_OFFICE: Final = {
    "back-office",
    "back-office/orders",
    "back-office/mailroom",
    "back-office/printer",
}
BESIDE: Final = {"@gateway", "@logger"}
ALL: Final = {"", "catalogue", "door"} | BESIDE | COUNTERS | BACK_OFFICE

BACK: Final[dict[str, set[str]]] = {
    "catalogue": {"catalogue", "inventory"} | COUNTERS | BACK_OFFICE,
    "counters": {"inventory"} | COUNTERS | BACK_OFFICE,
    "counters/visitors": {"counters/visitors"},
    "counters/sales": {"counters/sales"},
    "back-office": {"inventory"} | BACK_OFFICE,
    "back-office/orders": BACK_OFFICE - {"back-office"},
    "back-office/mailroom": BACK_OFFICE - {"back-office"},
    "back-office/printer": BACK_OFFICE - {"back-office"},
    "door": set(),
    "@gateway": {"@gateway"},
    "@logger": {"@logger"},
    "": {"inventory"} | ALL - BESIDE,
}
"""What has a new incarnation after which process was killed."""

GONE: Final[dict[str, set[str]]] = {
    killed: {"door"} if killed in ("catalogue", "counters", "back-office", "door") else set()
    for killed in BACK
}
"""Temporary children are not started again, not even with their group."""

BUSY: Final[dict[str, tuple[str, Any, Any]]] = {
    "catalogue": ("available apple", 93, 100),
    "counters/visitors": ("get_count", 3, 0),
    "counters/sales": ("get_count", 5, 0),
    "back-office/orders": ("count", 2, 0),
    "back-office/mailroom": ("sent", 1, 0),
}
"""A question to each server, its answer once there was some work, and after a fresh start."""


def do_some_work(shop: NodeUnderTest) -> None:
    shop.call("catalogue", "take", "apple", 7)
    shop.call("visitors", "increment", 3)
    shop.call("sales", "increment", 5)
    shop.call("orders", "place", {"pear": 1})
    shop.call("orders", "place", {"apple": 2})
    shop.client["mailroom"].cast({"pear": 1})
    assert shop.call("mailroom", "sent") == 1


def state(shop: NodeUnderTest) -> dict[str, Any]:
    return {path: shop.call(path, *question.split()) for path, (question, _, _) in BUSY.items()}


@pytest.fixture
def shop(nodes: Nodes) -> Iterator[NodeUnderTest]:
    shop = nodes.run(SHOP)
    shop.until(lambda: shop.seen(ChildEnded, path="inventory"), "the inventory")
    yield shop
    assert shop.seen(GaveUp) == []


@pytest.mark.parametrize("killed", BACK, ids=lambda path: path or "root")
def test_a_killed_process_comes_back_and_what_is_not_concerned_goes_on(
    shop: NodeUnderTest, killed: str
) -> None:
    do_some_work(shop)
    before = shop.pids()
    assert set(before) == ALL
    shop.since()

    shop.kill(killed)
    shop.next_each(ChildEnded, [killed])
    back = shop.next_each(ChildStarted, BACK[killed])
    if "inventory" in BACK[killed]:
        shop.until(lambda: len(shop.seen(ChildEnded, path="inventory")) == 2, "the inventory")

    after = shop.pids()
    assert set(after) == ALL - GONE[killed]
    for path in set(after) - BACK[killed]:
        assert after[path] == before[path], f"{path} should not have been touched"
    for path in BACK[killed] | GONE[killed]:
        if path in before:
            assert not is_alive(before[path]), f"the old {path} is still there"
    assert {path: event.incarnation for path, event in back.items()} == dict.fromkeys(
        BACK[killed], 2
    )
    assert state(shop) == {
        path: fresh if path in BACK[killed] else worked for path, (_, worked, fresh) in BUSY.items()
    }


def test_every_process_in_turn_of_one_and_the_same_shop(shop: NodeUnderTest) -> None:
    for killed in BACK:
        if killed in shop.pids():
            shop.kill(killed)
            shop.next(ChildEnded, path=killed)
            shop.next_each(ChildStarted, BACK[killed] - {"door"})
    shop.kill("")
    shop.next(ChildStarted, path="")

    assert set(shop.pids()) - {"inventory"} == ALL
    do_some_work(shop)
    assert state(shop) == {path: worked for path, (_, worked, _) in BUSY.items()}


def test_incarnation_numbers_go_on_over_restarts_of_the_supervisors(shop: NodeUnderTest) -> None:
    shop.recover("counters/sales")
    shop.recover("counters")
    shop.recover("counters/sales")
    shop.recover("")
    shop.recover("counters/sales")
    assert shop.client["sales"].incarnation == 6
    assert shop.client["visitors"].incarnation == 3
    starts = [(event.path, event.incarnation) for event in shop.seen(ChildStarting)]
    assert len(starts) == len(set(starts)), "two processes had the same number"


def test_the_next_generation_starts_only_when_the_last_one_is_gone(nodes: Nodes) -> None:
    node = nodes.run("""
        name: generations
        children:
          - id: upper
            children:
              - id: lower
                children:
                  - {id: slow, start: "tests.support.workers:Remote", args: [WORK/log, [], hang],
                     shutdown: 300ms}
                  - {id: quick, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.kill("upper")
    node.next(ChildStarted, path="upper")
    # `lower` saw its parent die, and stopped what it had in order and within the budgets.
    assert node.log() == [
        ["init", "upper/lower/slow", 1, "ok"],
        ["init", "upper/lower/quick", 1, "ok"],
        ["terminate", "upper/lower/quick", 1, "shutdown"],
        ["terminate", "upper/lower/slow", 1, "shutdown"],
        ["init", "upper/lower/slow", 2, "ok"],
        ["init", "upper/lower/quick", 2, "ok"],
    ]


def test_a_supervisor_is_ended_by_sigkill_alone(shop: NodeUnderTest) -> None:
    for path in ("counters", ""):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            shop.kill(path, number)
    shop.recover("counters/sales")
    assert set(shop.incarnations().values()) == {1, 2}
    assert shop.incarnations()["counters"] == shop.incarnations()[""] == 1


def test_the_gateways_ends_never_end_the_tree(nodes: Nodes) -> None:
    """5.1: eleven within a second were too many. From then on it comes back after a pause."""
    node = nodes.run("""
        name: app
        children:
          - {id: a, start: "otpy.examples.counter:Counter"}
        """)
    for _ in range(11):
        node.recover("@gateway")
    assert node.call("a", "increment", 1) == 1
    assert {event.path for event in node.seen(ChildEnded)} == {"@gateway"}
    assert not node.seen(GaveUp)
