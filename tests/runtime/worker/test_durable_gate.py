"""What a durable server sends leaves in its order, and many answers by one link as one."""

from collections import deque
from collections.abc import Callable
from typing import Any

from otpy.runtime.worker.durable.gate import together


class Pipe:
    """As much of an `Outgoing` as is needed."""

    def __init__(self, sent: list[object], name: str) -> None:
        self.sent, self.name = sent, name

    def send(self, data: bytes) -> None:
        self.sent.append((self.name, data))


def left(make: "Callable[[Any, Any, Callable[[], None]], list[Any]]") -> list[object]:
    """Return what is sent, of the effects that `make` makes of two pipes and a cast."""
    sent: list[object] = []
    effects = together(make(Pipe(sent, "a"), Pipe(sent, "b"), lambda: sent.append("cast")))
    assert isinstance(effects, deque)
    while effects:
        effects.popleft()()
    return sent


def test_answers_by_one_link_are_one_write() -> None:
    assert left(lambda a, b, _: [(a, b"1"), (a, b"2"), (b, b"3"), (a, b"4")]) == [
        ("a", b"12"),
        ("b", b"3"),
        ("a", b"4"),
    ]


def test_what_was_sent_between_stays_between() -> None:
    assert left(lambda a, _, cast: [(a, b"1"), cast, (a, b"2"), cast]) == [
        ("a", b"1"),
        "cast",
        ("a", b"2"),
        "cast",
    ]


def test_a_write_is_no_larger_than_goes_as_a_whole() -> None:
    assert left(lambda a, _, __: [(a, b"x" * 3000), (a, b"y" * 3000), (a, b"z" * 9000)]) == [
        ("a", b"x" * 3000),
        ("a", b"y" * 3000),
        ("a", b"z" * 9000),
    ]


def test_nothing_is_nothing() -> None:
    assert left(lambda *_: []) == []
