"""Every key of a child gets into its spec, and out again, without code that names it."""

from dataclasses import dataclass, fields

import pytest
from pydantic import ValidationError

from otpy.config import child_from_data, child_to_data, data, specs
from otpy.config.error_text import mistakes_of
from otpy.config.fields import (
    MODELS,
    CommandChild,
    CommandTemplate,
    Fields,
    Flag,
    InstancesChild,
    Name,
    ServerChild,
    ServerTemplate,
    SupervisorChild,
    Tree,
)
from otpy.config.mistakes import Mistake
from otpy.config.same_names import SPELLED_OUT, same_fields
from otpy.core.spec import (
    Backoff,
    ChildSpec,
    CommandStart,
    OnGiveUp,
    Restart,
    RestartIntensity,
    Retries,
    ServerStart,
    SupervisorSpec,
)
from otpy.wire.control import Assignment
from otpy.wire.records import RecordCodec

GIVEN: dict[type[Fields], dict[str, object]] = {
    ServerChild: {"id": "a", "start": "m:f", "name": "n"},
    InstancesChild: {"id": "a", "start": "m:f", "instances": 2},
    CommandChild: {"id": "a", "command": ["prog"]},
    SupervisorChild: {
        "id": "a",
        "strategy": "dynamic",
        "children": [],
        "template": {"start": "m:f"},
    },
}


def test_there_is_a_sample_of_each_kind() -> None:
    assert GIVEN.keys() == set(MODELS.values())


@pytest.mark.parametrize("model", GIVEN, ids=[model.__name__ for model in GIVEN])
def test_what_is_written_of_a_child_are_the_keys_of_its_kind(model: type[Fields]) -> None:
    """A key that its default leaves out has to be given in `GIVEN`."""
    written = child_to_data(child_from_data(GIVEN[model]))
    optional = {key for key, field in model.model_fields.items() if field.default is None}
    assert model.model_fields.keys() - optional <= written.keys() <= model.model_fields.keys()
    assert child_to_data(child_from_data(written)) == written


def test_every_field_of_a_spec_is_a_key_or_is_spelled_out() -> None:
    models: tuple[type[Fields], ...] = (*MODELS.values(), ServerTemplate, CommandTemplate, Tree)
    keys = {key for model in models for key in model.model_fields}
    for record, spelled_out in SPELLED_OUT.items():
        names = {each.name for each in same_fields(record)}
        assert names <= keys, "this field of a spec is no key of a child"
        assert names | spelled_out == {each.name for each in fields(record)}


def test_a_worker_gets_every_field_of_its_start() -> None:
    of_supervisor = {"spare", "listening"}
    for record in (ServerStart, CommandStart):
        assert {each.name for each in fields(record)} - of_supervisor <= set(Assignment._fields)


def test_pipes_carry_every_field() -> None:
    spec = ChildSpec(
        "a",
        SupervisorSpec(
            children=(
                ChildSpec("b", ServerStart("m:f", (1,), instance=2, name="n"), Restart.TEMPORARY),
                ChildSpec("c", CommandStart(("prog",)), stop_signal="QUIT", stop_group=True),
            )
        ),
        retries=Retries(RestartIntensity(2, 3.0), 4.0),
        backoff=Backoff(jitter=0.5),
        own_intensity=RestartIntensity(None, 3.0),
        on_give_up=OnGiveUp.STAY_DOWN,
    )
    codec = RecordCodec(ChildSpec)
    assert codec.decode(codec.encode(spec)) == (0, spec)


@dataclass(frozen=True, slots=True)
class PaintedSpec(ChildSpec):
    """One more field of a child."""

    colour: str = "red"
    shades: tuple[str, ...] = ()
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class PaintedStart(ServerStart):
    """One more field of a server."""

    brush: str | None = None


class PaintedChild(ServerChild):
    """The keys of those fields."""

    colour: Name = "red"
    shades: tuple[str, ...] = ()
    opaque: Flag = False
    brush: Name | None = None


class CountedChild(ServerChild):
    """A key whose form is one that pydantic knows."""

    coats: int = 1


def test_what_is_wrong_with_a_new_key_is_told_in_plain_words() -> None:
    with pytest.raises(ValidationError) as caught:
        CountedChild.model_validate({"id": "a", "start": "m:f", "coats": "two"})
    (mistake,) = mistakes_of(caught.value, lambda _: None, None)
    assert mistake == Mistake(("coats",), "got 'two', expected a valid integer")


def test_a_new_key_needs_a_field_and_its_form_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specs, "ChildSpec", PaintedSpec)
    monkeypatch.setattr(specs, "ServerStart", PaintedStart)
    painted = {"colour": "blue", "shades": ("sky", "navy"), "opaque": True, "brush": "flat"}
    keys = PaintedChild.model_validate({"id": "a", "start": "m:f", "args": [1], **painted})

    spec = specs.child_spec(keys)

    start = PaintedStart("m:f", (1,), brush="flat")
    assert spec == PaintedSpec("a", start, colour="blue", shades=("sky", "navy"), opaque=True)
    assert data.child_to_data(spec) == {
        **child_to_data(child_from_data({"id": "a", "start": "m:f", "args": [1]})),
        **painted,
        "shades": ["sky", "navy"],
    }
    assert "brush" not in data.child_to_data(PaintedSpec("a", PaintedStart("m:f")))
