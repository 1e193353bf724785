import pytest

from otpy.core.exits import (
    ExitReason,
    ExitStatus,
    Killed,
    Normal,
    Raised,
    Shutdown,
    Signaled,
    Stopped,
)
from otpy.core.spec import Restart, Strategy
from otpy.core.strategy import affected, should_restart, stop_order

CLEAN: list[ExitReason] = [Normal(), Shutdown(), Shutdown("done")]
ABNORMAL: list[ExitReason] = [
    Killed(),
    Signaled("SIGTERM"),
    ExitStatus(1),
    Raised("KeyError: 1"),
    Stopped("bored"),
]


@pytest.mark.parametrize("reason", [*CLEAN, *ABNORMAL])
def test_a_permanent_child_is_always_restarted(reason: ExitReason) -> None:
    assert should_restart(Restart.PERMANENT, reason)


@pytest.mark.parametrize("reason", [*CLEAN, *ABNORMAL])
def test_a_temporary_child_is_never_restarted(reason: ExitReason) -> None:
    assert not should_restart(Restart.TEMPORARY, reason)


def test_a_transient_child_is_restarted_after_an_abnormal_end() -> None:
    assert all(should_restart(Restart.TRANSIENT, reason) for reason in ABNORMAL)
    assert not any(should_restart(Restart.TRANSIENT, reason) for reason in CLEAN)


@pytest.mark.parametrize(
    ("strategy", "group"),
    [
        (Strategy.ONE_FOR_ONE, ("b",)),
        (Strategy.REST_FOR_ONE, ("b", "c")),
        (Strategy.ONE_FOR_ALL, ("a", "b", "c")),
    ],
)
def test_a_restart_takes_along_whom_the_strategy_says(
    strategy: Strategy, group: tuple[str, ...]
) -> None:
    assert affected(strategy, ["a", "b", "c"], "b") == group


def test_children_stop_latest_first() -> None:
    assert stop_order(["a", "b", "c"]) == ("c", "b", "a")
