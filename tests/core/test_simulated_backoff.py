"""Children with backoff in a simulated tree, in which the time of their waits passes."""

from dataclasses import replace

import pytest

from otpy.core.messages import Children, RestartChild, TerminateChild, WhichChildren
from otpy.core.spec import (
    Backoff,
    ChildSpec,
    OnGiveUp,
    RestartIntensity,
    ServerStart,
    SupervisorSpec,
)
from tests.support.simulation import ROOT, Script, Supervisor, World

PATIENT = RestartIntensity(max_restarts=None)


def worker(id_: str, *init: str) -> ChildSpec:
    return ChildSpec(id_, ServerStart("m:f", (Script(init, traps=False, hangs=False),)))


def world(*children: ChildSpec) -> tuple[World, Supervisor]:
    tree = World(SupervisorSpec(intensity=PATIENT, children=children))
    root = tree.supervisor(ROOT)
    assert root is not None
    return tree, root


def kill(tree: World, id_: str) -> None:
    process = tree.worker(id_)
    assert process is not None
    tree.kill(process)


def states(tree: World, root: Supervisor) -> dict[str, str]:
    answer = tree.ask(root, WhichChildren())
    assert isinstance(answer, Children)
    return {row.id: row.state for row in answer.rows}


def test_a_child_that_fails_comes_back_when_it_has_waited() -> None:
    tree, _ = world(replace(worker("a"), backoff=Backoff(initial=60.0)))
    for incarnation in (2, 3, 4):
        kill(tree, "a")
        assert tree.alive() == {"a": incarnation}


@pytest.mark.parametrize("request_", [TerminateChild("a"), RestartChild("a")])
def test_a_wait_that_is_cut_short_is_over(request_: TerminateChild | RestartChild) -> None:
    tree, root = world(replace(worker("a"), backoff=Backoff(initial=60.0)))
    kill(tree, "a")
    process = tree.worker("a")
    assert process is not None
    tree.end_at_once(process)
    tree.ask(root, request_)  # its wait has begun, and no time has passed
    is_restarted = isinstance(request_, RestartChild)
    assert tree.alive() == ({"a": 3} if is_restarted else {})
    assert states(tree, root) == {"a": "running" if is_restarted else "undefined"}


def test_a_part_of_the_tree_fails_alone() -> None:
    below = SupervisorSpec(intensity=RestartIntensity(1), children=(worker("a"), worker("b")))
    part = ChildSpec("s", below, own_intensity=below.intensity, on_give_up=OnGiveUp.STAY_DOWN)
    tree, root = world(part, worker("c"))
    kill(tree, "a")
    assert tree.alive() == {"s": 1, "a": 2, "b": 1, "c": 1}
    kill(tree, "b")
    assert tree.alive() == {"c": 1}
    assert states(tree, root) == {"s": "failed", "c": "running"}
    tree.ask(root, RestartChild("s"))
    assert tree.alive() == {"s": 2, "a": 3, "b": 2, "c": 1}


def test_a_part_of_the_tree_that_cannot_boot_fails_alone() -> None:
    below = SupervisorSpec(intensity=RestartIntensity(1), children=(worker("a", "error", "error"),))
    part = ChildSpec("s", below, own_intensity=below.intensity, on_give_up=OnGiveUp.STAY_DOWN)
    tree, root = world(part, worker("c"))
    assert states(tree, root) == {"s": "failed", "c": "running"}
    tree.ask(root, RestartChild("s"))
    assert tree.alive() == {"s": 3, "a": 3, "c": 1}
