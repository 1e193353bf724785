"""`health`, `watchdog` and the limits at which a child is replaced, as they stand in a file."""

import pytest

from otpy.config import child_from_data, child_to_data
from otpy.core.health import Health
from otpy.core.probes import ExecProbe, HttpProbe, Probe, TcpProbe
from otpy.core.spec import Recycle, SupervisorSpec
from otpy.errors import SpecError

MIB = 1 << 20
SERVER = {"id": "a", "start": "m:f"}


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("max_memory", "512MiB", Recycle(512 * MIB)),
        ("max_memory", 1000, Recycle(1000)),
        ("max_memory", {"limit": "1MB", "jitter": 0}, Recycle(1_000_000, 0.0)),
        ("max_age", "12h", Recycle(43200.0)),
        ("max_age", {"limit": 3, "jitter": 1}, Recycle(3.0, 1.0)),
        ("max_messages", 10_000, Recycle(10_000)),
        ("max_messages", {"limit": 5}, Recycle(5)),
        ("watchdog", "250ms", 0.25),
        ("health", {"tcp": 6379}, Health(Probe(TcpProbe("localhost", 6379)))),
        (
            "health",
            {"http": "http://a/h", "status": 204, "every": "5s", "failures": 1},
            Health(Probe(HttpProbe("http://a/h", 204), every=5.0), 1),
        ),
        (
            "health",
            {"exec": ["redis-cli", "ping"], "timeout": "2s", "after": "1m"},
            Health(Probe(ExecProbe(("redis-cli", "ping")), timeout=2.0, after=60.0)),
        ),
    ],
)
def test_a_key_is_read_and_written(key: str, value: object, found: object) -> None:
    spec = child_from_data({**SERVER, key: value})
    assert getattr(spec, key) == found
    assert child_from_data(child_to_data(spec)) == spec


@pytest.mark.parametrize(
    ("child", "told"),
    [
        ({"max_memory": "5 s"}, "child.max_memory: got '5 s', expected a size in bytes, or such"),
        ({"max_memory": 0}, "child.max_memory: got 0, expected a size"),
        ({"max_age": 0}, "child.max_age: got 0, expected more than 0 s"),
        ({"max_age": {"limit": "x"}}, "as limit, not 'x'"),
        ({"max_age": {"limit": 1, "jitter": 2}}, "expected a number from 0 to 1 as jitter, not 2"),
        ({"max_messages": {"limt": 3}}, "expected a value, or a mapping such as {limit: ..."),
        ({"max_messages": True}, "child.max_messages: got true, expected an integer from 1"),
        ({"max_messages": 1.5}, "child.max_messages: got 1.5, expected an integer from 1"),
        ({"watchdog": 0}, "child.watchdog: got 0, expected more than 0 s"),
        ({"health": {"log": "x"}}, "expected a mapping with one of tcp, http or exec, not log"),
        ({"health": "notify"}, "not notify: that is said once, at the start"),
        ({"health": {"tcp": 1, "failures": 0}}, "child.health.failures: got 0, expected an int"),
        ({"health": {"tcp": 1, "often": 0}}, "child.health: unknown key 'often' with 'tcp'"),
        ({"health": 3}, "child.health: got 3, expected a mapping with one of tcp"),
    ],
)
def test_a_mistake_is_told(child: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        child_from_data({**SERVER, **child})
    (line,) = caught.value.mistakes
    assert told in line


@pytest.mark.parametrize(
    ("child", "told"),
    [
        ({"command": ["x"], "max_messages": 3}, "'max_messages' with 'command'"),
        ({"children": [], "health": {"tcp": 1}}, "'health' with 'children'"),
        ({"children": [], "watchdog": 3}, "'watchdog' with 'children'"),
    ],
)
def test_a_key_that_is_not_for_every_kind(child: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        child_from_data({"id": "a", **child})
    assert any(told in line for line in caught.value.mistakes)


def test_a_supervisor_may_have_limits_and_instances_have_them_each() -> None:
    spec = child_from_data({"id": "s", "children": [SERVER], "max_age": "1h", "max_memory": MIB})
    assert (spec.max_age, spec.max_memory) == (Recycle(3600.0), Recycle(MIB))
    pool = child_from_data({**SERVER, "instances": 2, "max_messages": 3, "watchdog": 1})
    assert isinstance(pool.start, SupervisorSpec)
    assert pool.max_messages is None
    assert {(one.max_messages, one.watchdog) for one in pool.start.children} == {(Recycle(3), 1.0)}
