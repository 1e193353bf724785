"""From events to ends, without processes (10.8)."""

from typing import Any

import pytest

from otpy.events import (
    AutoShutdown,
    ChildBackingOff,
    ChildEnded,
    ChildFailed,
    ChildRemoved,
    ChildReplacing,
    ChildRestarting,
    ChildStarted,
    ChildStopped,
    Event,
    GaveUp,
)
from otpy.runtime.node.end_recorder import EndRecorder
from otpy.wire.ends import Cause, End, Then

LIMIT: dict[str, Any] = {"restarts": 2, "max_restarts": 3, "max_seconds": 5.0}


class FakeStore:
    """Keeps the last end, and what was done about it."""

    def __init__(self) -> None:
        self.ends: dict[str, End] = {}
        self.done: dict[str, Then] = {}

    def add(self, end: End) -> None:
        self.ends[end.path] = end

    def follow(self, path: str, then: Then) -> None:
        self.done[path] = then


def ended(path: str = "a", **fields: Any) -> ChildEnded:
    given: dict[str, Any] = {"kind": "worker", "pid": 7, "incarnation": 1, "reason": "killed"}
    return ChildEnded(
        **{"at": 1.0, "path": path, "asked": False, "clean": False, **given, **fields}
    )


def started(at: float = 3.0) -> ChildStarted:
    return ChildStarted(at=at, path="a", kind="worker", pid=8, incarnation=2)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def recorder(store: FakeStore) -> EndRecorder:
    return EndRecorder(store, "boot")


@pytest.mark.parametrize(
    ("event", "did", "later"),
    [
        (ChildRestarting(at=2.0, path="a", reason="killed", **LIMIT), "restarting", "restarted"),
        (ChildReplacing(at=2.0, path="a", reason="killed"), "restarting", "restarted"),
        (
            ChildBackingOff(at=2.0, path="a", reason="x", wait=1.0, retry_at=3.0, **LIMIT),
            "backing off",
            "restarted",
        ),
        (ChildFailed(at=2.0, path="a", reason="killed", **LIMIT), "failed", "failed"),
        (ChildStopped(at=2.0, path="a"), "stopped", "stopped"),
        (GaveUp(at=2.0, path="", child="a", reason="killed", **LIMIT), "gave up", "gave up"),
        (AutoShutdown(at=2.0, path="", child="a"), "shut down", "shut down"),
    ],
)
def test_what_was_done_and_what_followed(
    store: FakeStore, recorder: EndRecorder, event: Event, did: str, later: str
) -> None:
    recorder.note(ended())
    recorder.note(event)
    assert (store.done["a"].did, store.done["a"].after) == (did, None)
    recorder.note(started())
    then = store.done["a"]
    assert (then.did, then.incarnation, then.pid, then.after) == (later, 2, 8, 2.0)
    assert then.retry_at is None


def test_a_start_without_an_end_before_it_follows_none(
    store: FakeStore, recorder: EndRecorder
) -> None:
    recorder.note(started())
    recorder.note(ChildRestarting(at=2.0, path="a", reason="killed", **LIMIT))
    assert store.done == {}


def test_what_was_removed_has_no_successor(store: FakeStore, recorder: EndRecorder) -> None:
    """One of its id that is added later is another child."""
    recorder.note(ended())
    recorder.note(ChildRemoved(at=2.0, path="a"))
    recorder.note(started())
    assert store.done["a"] == Then(did="removed", at=2.0)


def test_long_texts_are_cut_in_their_middle(store: FakeStore, recorder: EndRecorder) -> None:
    recorder.note(ended(traceback="a" * 50_000 + "z" * 50_000))
    text = store.ends["a"].traceback
    assert len(text) < 17_000
    assert text.startswith("aaa")
    assert text.endswith("zzz")
    assert "84000 characters left out" in text


def test_a_supervisor_has_the_cause_once(store: FakeStore, recorder: EndRecorder) -> None:
    recorder.note(ended("pool/a"))
    recorder.note(GaveUp(at=2.0, path="pool", child="a", reason="killed", **LIMIT))
    recorder.note(ended("pool", kind="supervisor"))
    assert store.ends["pool"].cause == Cause(
        did="gave up", child="pool/a", reason="killed", **LIMIT
    )
    recorder.note(ended("pool", kind="supervisor"))
    assert store.ends["pool"].cause is None


def test_out_of_memory_is_seen_by_its_reason(store: FakeStore, recorder: EndRecorder) -> None:
    recorder.note(ended(reason="killed: out of memory"))
    assert store.ends["a"].oom
