"""The view of the tree: what it forgets."""

from otpy.events import (
    ChildAdded,
    ChildRemoved,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    NameTaken,
    SparesChanged,
)
from otpy.runtime.directory import Directory


def test_names_are_forgotten_with_those_who_took_them() -> None:
    directory = Directory()
    directory.apply(ChildAdded(at=0.0, path="a", kind="worker"))
    for number in range(1, 4):
        for event in (
            ChildStarting(at=0.0, path="a", kind="worker", pid=1, incarnation=number),
            NameTaken(at=0.0, path="a", incarnation=number, taken=f"name-{number}"),
            NameTaken(at=0.0, path="a", incarnation=number, taken="main"),
            ChildStarted(at=0.0, path="a", kind="worker", pid=1, incarnation=number),
        ):
            directory.apply(event)
    assert set(directory._names) == {"main", "name-3"}
    directory.apply(ChildRemoved(at=0.0, path="a"))
    assert not directory._names
    assert not directory._taken


def test_spares_go_as_they_become_the_child_and_with_their_supervisor() -> None:
    directory = Directory()
    for path, kind in (("s", "supervisor"), ("s/a", "worker")):
        directory.apply(ChildAdded(at=0.0, path=path, kind=kind))
    directory.apply(SparesChanged(at=0.0, path="s/a", pids=(5, 6)))
    directory.apply(ChildStarting(at=0.0, path="s/a", kind="worker", pid=5, incarnation=2))
    row = directory.resolve("s/a").row()
    assert (row.pid, row.spares) == (5, (6,))
    directory.apply(ChildStartFailed(at=0.0, path="s", incarnation=1, reason="killed"))
    assert directory.resolve("s/a").row().spares == ()
