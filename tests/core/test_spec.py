"""No copy of a spec loses a field: each is made of the record that it copies, whatever that has."""

from dataclasses import dataclass, field

import pytest

from otpy.core.messages import StartCopy
from otpy.core.spec import (
    ChildSpec,
    CommandStart,
    RestartIntensity,
    ServerStart,
    Start,
    supervisor_of_instances,
    without_arguments,
)
from otpy.core.template import copy_of


@dataclass(frozen=True, slots=True)
class MoreOfAServer(ServerStart):
    """A server's start with a field that the core does not know."""

    added: str = ""


@dataclass(frozen=True, slots=True)
class MoreOfACommand(CommandStart):
    """A command's start with a field that the core does not know."""

    added: str = ""


@dataclass(frozen=True, slots=True)
class MoreOfAChild(ChildSpec):
    """A spec with a field that the core does not know."""

    added: dict[str, str] = field(default_factory=dict)


def child_of(start: Start) -> MoreOfAChild:
    return MoreOfAChild("a", start, shutdown=1.0, stop_signal="QUIT", added={"HOME": "/tmp"})


SERVER = child_of(MoreOfAServer("m:f", (1,), name="n", added="kept"))
COMMAND = child_of(MoreOfACommand(("prog", "x"), added="kept"))


def test_a_copy_of_a_template_has_all_that_the_template_has() -> None:
    assert copy_of(SERVER, "b", StartCopy(args=(2,))) == MoreOfAChild(
        "b",
        MoreOfAServer("m:f", (1, 2), name="n", added="kept"),
        shutdown=1.0,
        stop_signal="QUIT",
        added={"HOME": "/tmp"},
    )
    copied = copy_of(COMMAND, "b", StartCopy(args=("y",)))
    assert isinstance(copied, MoreOfAChild)
    assert copied.start == MoreOfACommand(("prog", "x", "y"), added="kept")


def test_without_its_arguments_a_spec_is_whole() -> None:
    assert without_arguments(SERVER) == child_of(MoreOfAServer("m:f", name="n", added="kept"))
    assert without_arguments(COMMAND) == child_of(MoreOfACommand(("prog",), added="kept"))


@pytest.mark.parametrize("number", [0, 1])
def test_each_instance_has_all_that_the_child_has(number: int) -> None:
    pool = supervisor_of_instances(SERVER, 2, RestartIntensity())
    assert pool.children[number] == MoreOfAChild(
        str(number),
        MoreOfAServer("m:f", (1,), instance=number, name="n", added="kept"),
        shutdown=1.0,
        stop_signal="QUIT",
        added={"HOME": "/tmp"},
    )
