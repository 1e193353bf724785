"""Every key that may stand on a supervisor holds for what is below it and says nothing else."""

from dataclasses import fields, replace
from typing import Any

import pytest

from otpy.core.log import LogFile, LogTo
from otpy.core.placement import passed_down, placed
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
