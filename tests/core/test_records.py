"""Copies of records."""

import dataclasses

from otpy.core.records import replace
from otpy.core.spec import ChildSpec, ServerStart
from otpy.core.state import Child, Status


def test_a_copy_is_as_that_of_dataclasses() -> None:
    child = Child(ChildSpec("a", ServerStart("m:f")), Status.RUNNING, incarnation=3)
    for changes in ({}, {"status": Status.ENDED}, {"wait": 0.5, "incarnation": 4}):
        copy = replace(child, **changes)
        assert copy == dataclasses.replace(child, **changes)
        assert copy is not child
    assert child == Child(ChildSpec("a", ServerStart("m:f")), Status.RUNNING, incarnation=3)


def test_the_copy_of_a_spec_has_what_it_inherits() -> None:
    spec = ChildSpec("a", ServerStart("m:f"))
    assert replace(spec, id="b") == dataclasses.replace(spec, id="b")
