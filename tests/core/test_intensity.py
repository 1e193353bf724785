from hypothesis import given
from hypothesis import strategies as st

from otpy.core.intensity import RestartLog
from otpy.core.spec import RestartIntensity

TWO_IN_FIVE = RestartIntensity(max_restarts=2, max_seconds=5.0)


def test_as_many_restarts_as_allowed_are_not_too_many() -> None:
    log = RestartLog().record(7000.0, TWO_IN_FIVE).record(7001.0, TWO_IN_FIVE)
    assert log == RestartLog((7000.0, 7001.0))
    assert not log.exceeds(TWO_IN_FIVE)
    assert log.record(7002.0, TWO_IN_FIVE).exceeds(TWO_IN_FIVE)


def test_a_restart_exactly_max_seconds_old_still_counts() -> None:
    log = RestartLog((7000.0, 7001.0)).record(7005.0, TWO_IN_FIVE)
    assert log == RestartLog((7000.0, 7001.0, 7005.0))
    assert log.exceeds(TWO_IN_FIVE)


def test_an_older_restart_is_forgotten() -> None:
    log = RestartLog((7000.0, 7001.0)).record(7005.5, TWO_IN_FIVE)
    assert log == RestartLog((7001.0, 7005.5))


def test_without_an_allowance_the_first_restart_is_too_many() -> None:
    none = RestartIntensity(max_restarts=0, max_seconds=5.0)
    assert RestartLog().record(7000.0, none).exceeds(none)


@given(gaps=st.lists(st.floats(0, 10), max_size=30))
def test_the_window_holds_what_a_count_of_all_restarts_would_find(gaps: list[float]) -> None:
    now, log, restarts = 7000.0, RestartLog(), list[float]()
    for gap in gaps:
        now += gap
        restarts.append(now)
        log = log.record(now, TWO_IN_FIVE)
        assert log.times == tuple(t for t in restarts if now - t <= TWO_IN_FIVE.max_seconds)
