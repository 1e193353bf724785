"""The levels of events (10.9)."""

import logging
from typing import Any

import pytest

from otpy.client.event_logging import level_of, logger_of
from otpy.events import ChildEnded, Event, GaveUp, NodeStarted, NodeStopped


def ended(*, clean: bool, asked: bool) -> Event:
    about: dict[str, Any] = {"at": 1.0, "path": "a", "kind": "worker", "pid": 1, "incarnation": 1}
    return ChildEnded(**about, reason="x", clean=clean, asked=asked)


@pytest.mark.parametrize(
    ("event", "level"),
    [
        (ended(clean=False, asked=False), logging.WARNING),
        (ended(clean=True, asked=False), logging.INFO),
        (ended(clean=False, asked=True), logging.INFO),
        (NodeStarted(at=1.0, path="@node", node="n", pid=1), logging.INFO),
        (NodeStopped(at=1.0, path="@node", node="n", reason="in order"), logging.INFO),
        (NodeStopped(at=1.0, path="@node", node="n", reason="gave up: x"), logging.ERROR),
        (
            GaveUp(
                at=1.0,
                path="",
                child="a",
                reason="x",
                restarts=4,
                max_restarts=3,
                max_seconds=5.0,
            ),
            logging.ERROR,
        ),
    ],
)
def test_the_level_is_that_of_the_kind(event: Event, level: int) -> None:
    assert level_of(event) == level


def test_a_logger_is_given_itself_or_by_its_name() -> None:
    assert logger_of("otpy.events") is logging.getLogger("otpy.events")
    assert logger_of(logging.getLogger("x")).name == "x"
