"""The view of the tree: what it forgets."""

from typing import Any

from otpy.events import (
    ChildAdded,
    ChildEnded,
    ChildFailed,
    ChildRemoved,
    ChildrenDeclared,
    ChildRestarting,
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
    row = directory.row(directory.resolve("s/a"))
    assert (row.pid, row.spares) == (5, (6,))
    directory.apply(ChildStartFailed(at=0.0, path="s", incarnation=1, reason="killed"))
    assert directory.row(directory.resolve("s/a")).spares == ()


def at(path: str, event: Any, **fields: object) -> Any:
    return event(at=0.0, path=path, **fields)


def test_what_waits_for_its_turn_is_not_gone() -> None:
    directory = Directory()
    declared: Any = {"children": (("sup", "supervisor"), ("b", "worker"))}
    directory.apply(at("", ChildrenDeclared, **declared))
    directory.apply(at("sup", ChildrenDeclared, children=(("a", "worker"),)))

    def gone(path: str) -> bool:
        entry = directory.seek(path)
        return entry is None or directory.is_gone(entry)

    def starts(path: str, kind: str, number: int = 1) -> None:
        about: Any = {"kind": kind, "pid": 1, "incarnation": number}
        directory.apply(at(path, ChildStarting, **about))

    def up(path: str, kind: str, number: int = 1) -> None:
        about: Any = {"kind": kind, "pid": 1, "incarnation": number, "took": 0.5}
        directory.apply(at(path, ChildStarted, **about))

    def ends(path: str, kind: str, number: int = 1) -> None:
        about: Any = {"kind": kind, "pid": 1, "incarnation": number}
        directory.apply(at(path, ChildEnded, reason="killed", asked=False, clean=False, **about))

    starts("", "supervisor")
    assert not gone("sup")
    starts("sup", "supervisor")
    assert not gone("sup/a")
    for path, kind in (("sup/a", "worker"), ("sup", "supervisor"), ("b", "worker")):
        starts(path, kind)
        assert directory.resolve(path).took is None
        up(path, kind)
        assert directory.resolve(path).took == 0.5
    up("", "supervisor")
    assert not gone("b")
    ends("b", "worker")
    assert gone("b")
    ends("sup", "supervisor")
    limits: Any = {"reason": "killed", "restarts": 1, "max_restarts": 3, "max_seconds": 5.0}
    directory.apply(at("sup", ChildRestarting, **limits))
    assert not gone("sup")
    assert not gone("sup/a")
    directory.apply(at("sup", ChildFailed, **limits))
    assert gone("sup")
    assert gone("sup/a")
    assert gone("nowhere")
    assert not gone("")
    ends("", "supervisor")
    assert gone("")


def test_what_was_never_started_waits_while_its_supervisor_starts() -> None:
    directory = Directory()
    declared: Any = {"children": (("sup", "supervisor"), ("b", "worker"))}
    directory.apply(at("", ChildrenDeclared, **declared))
    directory.apply(at("sup", ChildrenDeclared, children=(("a", "worker"),)))

    def states() -> list[str]:
        return [directory.row(directory.resolve(path)).state for path in ("sup", "sup/a", "b")]

    assert states() == ["stopped"] * 3
    for path in ("", "sup"):
        directory.apply(at(path, ChildStarting, kind="supervisor", pid=1, incarnation=1))
        assert states()[1:] == ["waiting"] * 2
    directory.apply(at("sup", ChildStartFailed, incarnation=1, reason="killed"))
    assert states() == ["stopped", "stopped", "waiting"]
