"""Requests to marked methods: a name and as many arguments as the method takes."""

import enum
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import otpy
from otpy.server.caller import Caller
from otpy.server.dispatch import handles


def logged(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return ["logged", method(*args, **kwargs)]

    return wrapper


class Word(enum.StrEnum):
    ADD = "add"


class Request(NamedTuple):
    name: str
    value: int


class Marked(otpy.GenServer):
    @otpy.call
    def nothing(self) -> str:
        return "nothing"

    @otpy.call
    def add(self, first: int, second: int = 10) -> int:
        return first + second

    @otpy.call
    def all(self, first: int, *rest: int) -> list[int]:
        return [first, *rest]

    @otpy.call
    def named(self, *, text: str = "default") -> str:
        return text

    @otpy.call
    def needs_a_name(self, *, text: str) -> str:
        return text

    @otpy.call
    @logged
    def wrapped(self, value: int) -> int:
        return value

    @staticmethod
    @otpy.call
    def static(value: int) -> int:
        return value

    @classmethod
    @otpy.call
    def of_the_class(cls, value: int) -> list[object]:
        return [cls.__name__, value]

    filled_in = otpy.call(functools.partialmethod(add, 10, second=5))

    @otpy.call
    def fails(self, value: int) -> int:
        raise TypeError(value)

    @otpy.cast
    def note(self, value: int) -> None:
        self.noted = value

    def unmarked(self) -> None:
        raise AssertionError


class Child(Marked):
    @otpy.call
    def nothing(self) -> str:
        return "the child's"

    def add(self, first: int, second: int = 10) -> int:
        raise AssertionError


class AnyCaller(Caller):
    def reply(self, value: object) -> None:
        raise AssertionError


def ask(server: otpy.GenServer, *request: object) -> object:
    return server.handle_call(request if len(request) > 1 else request[0], AnyCaller())


@pytest.mark.parametrize("again", range(2))
@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        ("nothing", "nothing"),
        (("nothing",), "nothing"),
        (("add", 1), 11),
        (("add", 1, 2), 3),
        (("all", 1), [1]),
        (("all", *range(20)), list(range(20))),
        ("named", "default"),
        (("wrapped", 5), ["logged", 5]),
        (("static", 5), 5),
        (("of_the_class", 5), ["Marked", 5]),
        ("filled_in", 15),
        ((Word.ADD, 1), 11),
        (Request("add", 2), 12),
    ],
)
def test_a_method_answers_to_its_name(request_: object, reply: object, again: int) -> None:
    del again  # what was found once is found sooner
    assert Marked().handle_call(request_, AnyCaller()) == reply


@pytest.mark.parametrize(
    "request_",
    [
        "add",
        ("add", 1, 2, 3),
        ("nothing", 1),
        "all",
        ("named", "text"),
        "needs_a_name",
        ("needs_a_name", "text"),
        "wrapped",
        ("wrapped", 1, 2),
        "static",
        ("static", 1, 2),
        "of_the_class",
        ("of_the_class", 1, 2),
        ("note", 1),
        "unmarked",
        "no such",
        "__init__",
        "",
        (),
        (["add"], 1),
        (5, 1),
        ["add", 1],
        {"add": 1},
        None,
    ],
)
def test_what_fits_no_method_is_unknown(request_: object) -> None:
    with pytest.raises(otpy.UnknownRequest, match=r"^Marked has no handler for call "):
        Marked().handle_call(request_, AnyCaller())


@pytest.mark.parametrize(
    ("request_", "what_it_takes"),
    [
        ("add", "; add takes (first, second=10)"),
        (("nothing", 1), "; nothing takes ()"),
        (("named", "text"), "; named takes (*, text='default')"),
        ("needs_a_name", "; needs_a_name takes (*, text)"),
        ("all", "; all takes (first, *rest)"),
        ("wrapped", "; wrapped takes (value)"),
        ("static", "; static takes (value)"),
        ("of_the_class", "; of_the_class takes (value)"),
        (("filled_in", 1, 2), "; filled_in takes (*, second=5)"),
        ("no such", ""),
        (("note", 1), ""),
    ],
)
def test_a_wrong_number_of_arguments_is_told_what_it_takes(
    request_: object, what_it_takes: str
) -> None:
    """4.11."""
    with pytest.raises(otpy.UnknownRequest) as caught:
        Marked().handle_call(request_, AnyCaller())
    text = str(caught.value)
    assert text.endswith(what_it_takes)
    assert (" takes " in text) == bool(what_it_takes)


@pytest.mark.parametrize("request_", ["nothing", ("add", 1), ("add", 1, 2), ("static", 5)])
def test_an_attribute_of_the_instance_hides_no_method(request_: Any) -> None:
    """4.9."""
    server = Marked()
    expected = server.handle_call(request_, AnyCaller())
    for name in ("nothing", "add", "static"):
        setattr(server, name, 7)
    assert server.handle_call(request_, AnyCaller()) == expected


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError


def test_what_has_no_text_is_unknown_too() -> None:
    with pytest.raises(otpy.UnknownRequest, match=r"^Marked has no handler for call .*Mute"):
        ask(Marked(), "no such", Mute())


def test_what_a_method_raises_is_its_own() -> None:
    with pytest.raises(TypeError, match=r"^5$"):
        ask(Marked(), "fails", 5)


def test_a_cast_is_no_call() -> None:
    server = Marked()
    server.handle_cast(("note", 5))
    assert server.noted == 5
    with pytest.raises(otpy.UnknownRequest, match=r"^Marked has no handler for cast \('add', 1\)$"):
        server.handle_cast(("add", 1))


def test_a_subclass_overrides_and_unmarks() -> None:
    assert ask(Marked(), "nothing") == "nothing"
    assert ask(Marked(), "add", 1) == 11
    assert ask(Child(), "nothing") == "the child's"
    with pytest.raises(otpy.UnknownRequest):
        ask(Child(), "add", 1)


def test_the_mark_tells_what_is_handled() -> None:
    assert [handles(each) for each in (Marked.add, Marked.note, Marked.unmarked, 5)] == [
        "call",
        "cast",
        None,
        None,
    ]
