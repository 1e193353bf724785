"""Every key that may stand on a supervisor holds for what is below it and says nothing else."""

from dataclasses import fields, replace
from typing import Any

import pytest

from otpy.core.log import LogFile, LogTo
from otpy.core.placement import passed_down, placed, with_sockets
from otpy.core.sockets import SocketSpec, SocketType
from otpy.core.spec import Backoff, ChildSpec, Inheritable, ServerStart, SupervisorSpec
from otpy.core.surroundings import Surroundings

SAMPLES: dict[str, tuple[Any, Any]] = {  # what a supervisor says, and a child
    "surroundings": (Surroundings(umask="022", nice=1), Surroundings(umask="077", nice=1)),
    "backoff": (Backoff(), Backoff(initial=1.0)),
    "log": (LogFile("/a.log"), LogTo.NOWHERE),
}
A = ChildSpec("a", ServerStart("m:f"))


def test_there_is_a_sample_of_each_key() -> None:
    assert SAMPLES.keys() == {each.name for each in fields(Inheritable)}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_key_holds_below_its_supervisor(name: str) -> None:
    above, own = SAMPLES[name]
    silent, says = A, replace(A, id="b", **{name: own})
    inner = ChildSpec("s", SupervisorSpec(children=(silent, says)))
    outer = SupervisorSpec(children=(inner,), template=silent, **{name: above})

    outer = passed_down(outer, Inheritable(), "")

    (inner,) = outer.children
    assert isinstance(inner.start, SupervisorSpec)
    a, b = inner.start.children
    assert outer.template is not None
    for each in (inner.start, a, outer.template, placed(silent, outer, "")):
        assert getattr(each, name) == above
    assert getattr(b, name) == own
    assert getattr(inner, name) == getattr(Inheritable(), name), "it has that in its `start`"
    assert getattr(inner.inheritable, name) == above


def test_a_child_is_the_same_where_nothing_is_passed_down() -> None:
    assert placed(A, SupervisorSpec(), "/folder") is A


def test_a_child_is_another_one_when_its_socket_listens_elsewhere() -> None:
    """And only then: how many connections may wait there is no matter of its own."""

    def started(spec: SocketSpec) -> ChildSpec:
        asks = ChildSpec("a", ServerStart("m:f", sockets=("web",)))
        inner = ChildSpec("s", SupervisorSpec(children=(asks, A), template=asks))
        (inner,) = with_sockets(SupervisorSpec(children=(inner,), sockets={"web": spec})).children
        assert isinstance(inner.start, SupervisorSpec)
        a, other = inner.start.children
        assert inner.start.template == a
        assert other is A
        return a

    first = started(SocketSpec(":80"))
    assert first.start == ServerStart("m:f", sockets=("web",), listening=("stream::80",))
    assert started(SocketSpec(":80", backlog=5)) == first
    assert started(SocketSpec(":81")) != first
    assert started(SocketSpec(":80", SocketType.DATAGRAM)) != first
