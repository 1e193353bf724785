"""``on_event`` at the top of a tree (10.9)."""

from pathlib import Path

import pytest

import otpy
from otpy.config import load
from otpy.core.event_handler import EventHandler

TREE = """
name: t
children:
  - {id: a, command: [sleep, "1"]}
"""


def handlers(folder: Path, text: str) -> tuple[EventHandler, ...]:
    file = folder / "t.yaml"
    file.write_text(f"{TREE}on_event: {text}\n")
    return load(file).spec.on_event


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{exec: [cat, -n]}", [EventHandler(program=("cat", "-n"))]),
        (
            "{exec: [cat], events: [ChildEnded], timeout: 500ms}",
            [EventHandler(program=("cat",), events=("ChildEnded",), timeout=0.5)],
        ),
        ("{cast: ops/alerts}", [EventHandler(server="ops/alerts")]),
        ("[{exec: [cat]}, {cast: a}]", [EventHandler(program=("cat",)), EventHandler(server="a")]),
        ("[]", []),
    ],
)
def test_handlers(tmp_path: Path, text: str, expected: list[EventHandler]) -> None:
    assert handlers(tmp_path, text) == tuple(expected)


def test_without_any_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(TREE)
    assert load(tmp_path / "t.yaml").spec.on_event == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cat", "on_event: got 'cat', expected a mapping with one of exec or cast"),
        ("{}", "on_event: got a mapping, expected a mapping with one of exec or cast"),
        ("{exec: [cat], cast: a}", "expected a mapping with one of exec or cast"),
        ("{exec: cat}", "exec: got 'cat', expected a list such as"),
        ("{exec: []}", "exec: got an empty list, expected a list such as"),
        (
            "{exec: [no-such-program]}",
            "exec[0]: got 'no-such-program', expected a program",
        ),
        ("[{exec: [no-such-program]}]", "exec[0]: got 'no-such-program'"),
        ("{cast: '@node'}", "cast: got '@node', expected the name of a server"),
        ("{exec: [cat], events: [ChildEnd]}", "not 'ChildEnd'; did you mean 'ChildEnded'?"),
        ("{exec: [cat], events: []}", "events: got an empty list, expected a list of kinds"),
        ("{exec: [cat], timeout: 0}", "timeout: got 0, expected more than 0 s"),
        (
            "{exec: [cat], event: [GaveUp]}",
            "unknown key 'event', expected exec, cast, events",
        ),
        ("[{cast: a}, {exec: cat}]", "exec: got 'cat'"),
        ("[{cast: a}, 7]", "on_event[1]: got 7, expected a mapping"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(otpy.SpecError) as caught:
        handlers(tmp_path, text)
    (mistake,) = caught.value.mistakes
    assert complaint in mistake
    assert ":5:" in mistake


def test_only_at_the_top(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text("name: t\nchildren:\n  - {id: a, children: [], on_event: {exec: [cat]}}\n")
    with pytest.raises(otpy.SpecError, match="on_event"):
        load(file)


def test_a_server_is_not_told_of_itself() -> None:
    to_server = EventHandler(server="alerts")
    assert not to_server.wants("ChildEnded", "alerts")
    assert not to_server.wants("ChildEnded", "ops/alerts")
    assert to_server.wants("ChildEnded", "ops")
    assert to_server.wants("ChildEnded", "my-alerts")
    assert EventHandler(program=("x",), events=("GaveUp",)).wants("GaveUp", "alerts")
    assert not EventHandler(program=("x",), events=("GaveUp",)).wants("ChildEnded", "alerts")
