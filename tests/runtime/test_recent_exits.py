"""Why processes ended lately: what is kept is bounded (5.3)."""

import pytest

from otpy.runtime import recent_exits
from otpy.runtime.recent_exits import RecentExits
from otpy.wire.control import Address, ExitInfo


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_exits, "MAX_EXITS", 3)
    log = RecentExits()
    for number in range(5):
        log.add(Address("a", number), ExitInfo("killed", ""))
    assert [log.get(Address("a", number)) is not None for number in range(5)] == [
        *(False, False, True, True, True)
    ]


def test_what_is_large_makes_room_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracebacks of 200 kB took 155 MiB in the node, and in the gateway."""
    monkeypatch.setattr(recent_exits, "MAX_CHARS", 1000)
    log = RecentExits()
    for number in range(5):
        log.add(Address("a", number), ExitInfo("error", "x" * 300))
    assert [log.get(Address("a", number)) is not None for number in range(5)] == [
        *(False, False, True, True, True)
    ]
    log.add(Address("a", 4), ExitInfo("killed", ""))  # it takes the place of the other
    log.add(Address("a", 5), ExitInfo("error", "x" * 300))
    assert log.get(Address("a", 2)) is not None
    log.add(Address("a", 6), ExitInfo("error", "x" * 5000))
    assert log.get(Address("a", 6)) is not None
    assert log.get(Address("a", 5)) is None
