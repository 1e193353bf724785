"""What is to be done so that a running tree becomes another one (`otpy.core.changes`)."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.core.changes import (
    ABSENT,
    Changes,
    ChildChange,
    FieldChange,
    Kind,
    Step,
    compare,
    in_order,
)
from otpy.core.effects import LIVE, PARTS, RESTART, rules_of
from otpy.core.event_handler import EventHandler
from otpy.core.health import Health
from otpy.core.log import LogFile, LogTo
from otpy.core.probes import Notified, Probe, TcpProbe
from otpy.core.sockets import SocketSpec
from otpy.core.spec import (
    INFINITY,
    AutoShutdown,
    Backoff,
    ChildSpec,
    CommandStart,
    Durability,
    Essential,
    Inheritable,
    OnGiveUp,
    Recycle,
    Restart,
    RestartIntensity,
    Retries,
    ServerStart,
    Strategy,
    SupervisorSpec,
    supervisor_of_instances,
)
from otpy.core.surroundings import Limit, Surroundings

COMPARED = (
    ChildSpec,
    SupervisorSpec,
    Inheritable,
    ServerStart,
    CommandStart,
    Surroundings,
    Limit,
    LogFile,
    RestartIntensity,
)


def worker(id_: str, *args: object, **more: Any) -> ChildSpec:
    return ChildSpec(id_, ServerStart("m:f", args), **more)


def tree(*children: ChildSpec, **flags: Any) -> SupervisorSpec:
    return SupervisorSpec(children=children, **flags)


def below(id_: str, *children: ChildSpec, **flags: Any) -> ChildSpec:
    return ChildSpec(id_, tree(*children, **flags), shutdown=60.0)


def steps(old: SupervisorSpec, new: SupervisorSpec) -> list[Step]:
    return list(in_order(compare(old, new)))


def lines(old: SupervisorSpec, new: SupervisorSpec) -> list[str]:
    return [
        " ".join([each.kind, each.path, *([f"after {each.after}"] if each.after else [])])
        for each in steps(old, new)
    ]


A, B, C, D = (worker(id_) for id_ in "abcd")


# ---- the classes of fields -----------------------------------------------------------------------


@pytest.mark.parametrize("record", COMPARED, ids=lambda record: record.__name__)
def test_every_field_says_what_a_change_of_it_does(record: type) -> None:
    assert rules_of(record).keys() == {each.name for each in fields(record)}


def test_a_field_that_does_not_say_so_is_a_mistake() -> None:
    with pytest.raises(TypeError, match=r"Backoff\.initial does not say"):
        rules_of(Backoff)


def test_only_what_has_parts_of_its_own_leaves_it_to_them() -> None:
    parts = {
        (record.__name__, name)
        for record in COMPARED
        for name, rule in rules_of(record).items()
        if rule.effect is PARTS
    }
    assert parts == {
        ("ChildSpec", "start"),
        ("ChildSpec", "own_intensity"),
        ("SupervisorSpec", "children"),
        ("SupervisorSpec", "intensity"),
        *((kind, "surroundings") for kind in ("ChildSpec", "SupervisorSpec", "Inheritable")),
    }


# ---- children ------------------------------------------------------------------------------------


def test_equal_trees_need_nothing() -> None:
    assert not compare(tree(A, below("s", B)), tree(A, below("s", B)))


def test_a_new_child_is_added_behind_the_one_before_it() -> None:
    assert lines(tree(A), tree(B, A, C)) == ["add b", "add c after a"]


def test_what_is_gone_is_removed_latest_first_and_before_anything_is_added() -> None:
    old = tree(A, below("s", B, C), D)
    assert lines(old, tree(below("s", worker("e")))) == [
        "remove d",
        "remove s/c",
        "remove s/b",
        "remove a",
        "add s/e",
    ]


def test_another_id_is_another_child() -> None:
    assert lines(tree(A, B), tree(A, replace(B, id="c"))) == ["remove b", "add c after a"]


def test_a_child_that_moves_goes_on_and_as_few_move_as_can() -> None:
    assert lines(tree(A, B, C, D), tree(D, A, B, C)) == ["move d"]
    assert lines(tree(A, B, C, D), tree(B, C, D, A)) == ["move a after d"]


def test_a_child_that_moves_and_changes_is_one_step() -> None:
    (step,) = steps(tree(A, B, C), tree(B, C, worker("a", 1)))
    assert (step.kind, step.after) == (Kind.RESTART, "c")


def test_other_arguments_are_a_restart() -> None:
    (step,) = steps(tree(worker("a", 8000)), tree(worker("a", 8001)))
    change = FieldChange("args", (8000,), (8001,), RESTART)
    assert (step.path, step.kind, step.fields) == ("a", Kind.RESTART, (change,))


def test_positional_and_keyword_arguments_are_one_key() -> None:
    named = replace(A, start=ServerStart("m:f", kwargs={"port": 1}))
    (step,) = steps(tree(worker("a", 1)), tree(named))
    assert step.fields == (FieldChange("args", (1,), {"port": 1}, RESTART),)


@pytest.mark.parametrize(("old", "new"), [(1, True), (1, 1.0), (0, False), ([1], [True])])
def test_arguments_of_another_type_are_other_arguments(old: object, new: object) -> None:
    (step,) = steps(tree(worker("a", old)), tree(worker("a", new)))
    assert [each.name for each in step.fields] == ["args"]


def test_arguments_that_cannot_be_compared_are_other_arguments() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError

        __hash__ = None  # type: ignore[assignment]

    assert lines(tree(worker("a", Odd())), tree(worker("a", Odd()))) == ["restart a"]


def test_an_argument_that_is_no_number_is_equal_to_itself() -> None:
    nan = float("nan")
    assert not compare(tree(worker("a", [nan])), tree(worker("a", [float("nan")])))


def test_a_variable_is_compared_by_its_name() -> None:
    old = replace(A, surroundings=Surroundings(env={"A": "1", "B": "2", "C": "3"}))
    new = replace(A, surroundings=Surroundings(env={"B": "2", "C": None, "D": "4"}))
    (step,) = steps(tree(old), tree(new))
    assert step.fields == (
        FieldChange("env.A", "1", ABSENT, RESTART),
        FieldChange("env.C", "3", None, RESTART),
        FieldChange("env.D", ABSENT, "4", RESTART),
    )


def test_a_variable_that_is_removed_is_not_one_that_is_not_named() -> None:
    old = replace(A, surroundings=Surroundings(env={}))
    new = replace(A, surroundings=Surroundings(env={"A": None}))
    (step,) = steps(tree(old), tree(new))
    assert step.fields == (FieldChange("env.A", ABSENT, None, RESTART),)


def test_no_limit_is_spelled_as_in_a_file() -> None:
    new = worker("a", own_intensity=RestartIntensity(None, 5.0), start_timeout=3.0)
    (step,) = steps(tree(A), tree(new))
    assert step.fields == (
        FieldChange("start_timeout", INFINITY, 3.0, LIVE),
        FieldChange("max_restarts", ABSENT, INFINITY, LIVE),
        FieldChange("max_seconds", ABSENT, 5.0, LIVE),
    )


def test_of_several_changes_the_one_counts_that_does_most() -> None:
    new = worker("a", 1, shutdown=1.0)
    (step,) = steps(tree(A), tree(new))
    assert step.kind is Kind.RESTART
    assert {each.name: each.effect for each in step.fields} == {"args": RESTART, "shutdown": LIVE}


@pytest.mark.parametrize(
    ("start", "key"),
    [(CommandStart(("sleep", "1")), "command"), (tree(B), "children")],
)
def test_a_child_of_another_kind_is_another_child(start: Any, key: str) -> None:
    for old, new in ((A, replace(A, start=start)), (replace(A, start=start), A)):
        (step,) = steps(tree(old), tree(new))
        assert step.kind is Kind.RECREATE
        assert {each.name for each in step.fields} == {"start", key}


def test_output_that_is_inherited_is_given_at_the_start() -> None:
    file, other = LogFile("/a.log"), LogFile("/b.log")

    def kind(old: object, new: object) -> Kind:
        (step,) = steps(tree(worker("a", log=old)), tree(worker("a", log=new)))
        return step.kind

    assert kind(None, file) is kind(file, other) is kind(other, LogTo.NOWHERE) is Kind.LIVE
    assert kind(None, LogTo.INHERIT) is kind(LogTo.INHERIT, file) is Kind.RESTART


# ---- supervisors ---------------------------------------------------------------------------------


def test_a_supervisor_is_compared_child_by_child() -> None:
    old = tree(A, below("s", below("t", B, C), D))
    new = tree(A, below("s", below("t", B, worker("c", 1)), D))
    assert lines(old, new) == ["restart s/t/c"]


def test_the_supervisors_above_a_change_go_on() -> None:
    (change,) = compare(tree(below("s", A)), tree(below("s", worker("a", 1)))).children
    assert change.kind is Kind.INSIDE
    assert change.inside is not None
    assert [each.kind for each in change.inside.children] == [Kind.RESTART]


def test_limits_and_the_strategy_of_a_supervisor_are_live() -> None:
    new = below("s", A, strategy=Strategy.REST_FOR_ONE, intensity=RestartIntensity(9, 5.0))
    (step,) = steps(tree(below("s", A)), tree(new))
    assert step.kind is Kind.LIVE
    assert {each.name: each.effect for each in step.fields} == {
        "strategy": LIVE,
        "max_restarts": LIVE,
    }


def test_a_supervisor_that_becomes_dynamic_or_ends_to_be_is_made_anew() -> None:
    dynamic = below("s", strategy=Strategy.DYNAMIC)
    assert lines(tree(below("s", A)), tree(dynamic)) == ["recreate s"]
    assert lines(tree(dynamic), tree(below("s", A))) == ["recreate s"]


def test_a_root_that_becomes_dynamic_cannot_go_on() -> None:
    assert lines(tree(A), tree(strategy=Strategy.DYNAMIC)) == ["recreate "]


def test_a_change_of_the_root_has_the_empty_path() -> None:
    handler = EventHandler(("prog",))
    (step,) = steps(tree(A), tree(A, on_event=(handler,)))
    assert step == Step("", Kind.LIVE, (FieldChange("on_event", (), (handler,), LIVE),))


def test_what_children_inherit_restarts_them_and_not_their_supervisor() -> None:
    given = Surroundings(cwd="/tmp")
    child = replace(A, surroundings=given)
    assert lines(tree(below("s", A)), tree(below("s", child, surroundings=given))) == [
        "live s",
        "restart s/a",
    ]


def test_another_template_is_for_children_that_are_started_later() -> None:
    def pool(template: ChildSpec) -> SupervisorSpec:
        return tree(below("s", strategy=Strategy.DYNAMIC, template=template))

    (step,) = steps(pool(A), pool(worker("a", 1, shutdown=1.0)))
    assert step.kind is Kind.LIVE
    assert {each.name: each.effect for each in step.fields} == {
        "template.args": LIVE,
        "template.shutdown": LIVE,
    }


def test_a_supervisor_that_stays_down_has_its_limits_once() -> None:
    def contained(most: int) -> ChildSpec:
        limit = RestartIntensity(most)
        stays = OnGiveUp.STAY_DOWN
        return replace(below("s", A, intensity=limit), own_intensity=limit, on_give_up=stays)

    (step,) = steps(tree(contained(1)), tree(contained(2)))
    assert step.fields == (FieldChange("max_restarts", 1, 2, LIVE),)
    (step,) = steps(tree(below("s", A, intensity=RestartIntensity(1))), tree(contained(1)))
    assert [each.name for each in step.fields] == ["on_give_up"]


def instances(count: int, *args: object) -> ChildSpec:
    return ChildSpec("w", supervisor_of_instances(worker("w", *args), count, RestartIntensity()))


def test_another_number_of_instances_adds_or_removes_some() -> None:
    assert lines(tree(instances(2)), tree(instances(4))) == [
        "live w",
        "add w/2 after 1",
        "add w/3 after 2",
    ]
    assert lines(tree(instances(4)), tree(instances(2))) == ["remove w/3", "remove w/2", "live w"]


def test_other_arguments_restart_each_instance() -> None:
    assert lines(tree(instances(2)), tree(instances(2, 1))) == ["restart w/0", "restart w/1"]


def test_what_instances_inherit_is_theirs_alone() -> None:
    given = Surroundings(cwd="/tmp")
    old = instances(1)
    pool = old.start
    assert isinstance(pool, SupervisorSpec)
    below = tuple(replace(child, surroundings=given) for child in pool.children)
    new = replace(old, start=replace(pool, children=below, surroundings=given))
    assert lines(tree(old), tree(new)) == ["restart w/0"]


def test_a_child_that_becomes_several_is_made_anew() -> None:
    assert lines(tree(worker("w")), tree(instances(2))) == ["recreate w"]
    assert lines(tree(instances(2)), tree(below("w", A))) == ["recreate w"]


# ---- children that were added by hand ------------------------------------------------------------


BY_HAND = worker("h", by_hand=True)


def test_a_child_that_was_added_by_hand_is_left_alone() -> None:
    assert not compare(tree(A, BY_HAND), tree(A))
    assert lines(tree(A, BY_HAND), tree(A, B)) == ["add b after a"]
    assert not compare(tree(below("s", A, BY_HAND)), tree(below("s", A)))


def test_once_the_file_has_its_id_it_is_the_files() -> None:
    assert not compare(tree(A, BY_HAND), tree(A, worker("h")))
    assert lines(tree(A, BY_HAND), tree(A, worker("h", 1))) == ["restart h"]


# ---- each field ----------------------------------------------------------------------------------


OTHERS: dict[type, dict[str, Any]] = {
    ChildSpec: {
        "restart": Restart.TRANSIENT,
        "shutdown": 7.0,
        "significant": True,
        "essential": Essential.ANY_END,
        "retries": Retries(RestartIntensity(), 1.0),
        "own_intensity": RestartIntensity(1, 2.0),
        "on_give_up": OnGiveUp.STAY_DOWN,
        "max_memory": Recycle(1e6),
        "max_age": Recycle(60.0),
        "max_messages": Recycle(5),
        "health": Health(Probe(TcpProbe("localhost", 1))),
        "watchdog": 3.0,
        "stop_signal": "QUIT",
        "stop_group": True,
        "ready": Notified(),
        "start_timeout": 9.0,
    },
    Inheritable: {"backoff": Backoff(), "log": LogFile("/a.log")},
    ServerStart: {
        "target": "m:g",
        "args": (1,),
        "kwargs": {"a": 1},
        "instance": 3,
        "name": "n",
        "spare": 1,
        "durable": Durability.DISK,
        "sockets": ("web",),
        "listening": ("stream::80",),
    },
    CommandStart: {
        "argv": ("sleep", "2"),
        "sockets": ("web",),
        "listening": ("stream::80",),
    },
    Surroundings: {
        "env": {"A": "1"},
        "env_file": ("/a.env",),
        "inherit_env": False,
        "cwd": "/tmp",
        "user": "root",
        "group": 0,
        "umask": "022",
        "nice": 1,
        "cpu_affinity": (0,),
        "limits": {"nofile": Limit(1, 1)},
        "log_level": "DEBUG",
        "stdin": "/in",
    },
    SupervisorSpec: {
        "strategy": Strategy.ONE_FOR_ALL,
        "intensity": RestartIntensity(1, 2.0),
        "auto_shutdown": AutoShutdown.ANY_SIGNIFICANT,
        "max_children": 5,
        "template": A,
        "instances": 1,
        "on_event": (EventHandler(server="s"),),
        "sockets": {"web": SocketSpec(":80")},
    },
}
"""Another value of every field that makes a change by itself."""

NOT_BY_THEMSELVES = {
    *((ChildSpec, name) for name in ("id", "start", "by_hand")),
    *((SupervisorSpec, name) for name in ("children", "folder")),
    *((kind, "surroundings") for kind in (Inheritable, ChildSpec, SupervisorSpec)),
    *((kind, name) for kind in (ChildSpec, SupervisorSpec) for name in OTHERS[Inheritable]),
}
KEYS = {
    "target": {"start"},
    "kwargs": {"args"},
    "argv": {"command"},
    "intensity": {"max_restarts", "max_seconds"},
    "own_intensity": {"max_restarts", "max_seconds"},
}


def keys_of(name: str, value: object) -> set[str]:
    return {f"{name}.{key}" for key in value} if isinstance(value, dict) else {name}


def samples() -> Iterator[tuple[type, str]]:
    yield from ((kind, name) for kind, others in OTHERS.items() for name in others)


def test_there_is_another_value_of_every_field() -> None:
    every = {(kind, each.name) for kind in OTHERS for each in fields(kind)}
    assert every - NOT_BY_THEMSELVES == set(samples())


@pytest.mark.parametrize(("kind", "name"), list(samples()))
def test_a_change_of_one_field_is_exactly_that_field(kind: type, name: str) -> None:
    other = {name: OTHERS[kind][name]}
    start = CommandStart(("sleep", "1")) if kind is CommandStart else ServerStart("m:f")
    old: Any = below("c") if kind is SupervisorSpec else ChildSpec("c", start)
    if kind in (ChildSpec, Inheritable):
        record, new = old, replace(old, **other)
    elif kind is Surroundings:
        record, new = old.surroundings, replace(old, surroundings=Surroundings(**other))
    else:
        record, new = old.start, replace(old, start=replace(old.start, **other))

    (step,) = steps(tree(old), tree(new))

    names = {each.name for each in step.fields}
    if name == "template":
        assert {each.partition(".")[0] for each in names} == {"template"}
    else:
        assert names == (KEYS.get(name) or keys_of(name, other[name]))
    rule = rules_of(kind)[name]
    effect = LIVE if rule.effect is PARTS else rule.of(getattr(record, name), other[name])
    assert {each.effect for each in step.fields} == {effect}
    assert step.kind.value == effect.value


# ---- any two trees -------------------------------------------------------------------------------


def named(contents: dict[str, ChildSpec]) -> tuple[ChildSpec, ...]:
    return tuple(replace(child, id=id_) for id_, child in contents.items())


def siblings(contents: st.SearchStrategy[ChildSpec]) -> st.SearchStrategy[tuple[ChildSpec, ...]]:
    return st.dictionaries(st.sampled_from("abcde"), contents, max_size=5).map(named)


def supervisors(contents: st.SearchStrategy[ChildSpec]) -> st.SearchStrategy[ChildSpec]:
    return st.builds(
        lambda children, strategy: below("", *children, strategy=strategy),
        siblings(contents),
        st.sampled_from([Strategy.ONE_FOR_ONE, Strategy.REST_FOR_ONE]),
    )


WORKERS = st.builds(
    lambda start, budget: ChildSpec("", start, shutdown=budget),
    st.sampled_from([ServerStart("m:f", (0,)), ServerStart("m:f", (1,)), CommandStart(("prog",))]),
    st.sampled_from([1.0, 2.0]),
)
CHILDREN = siblings(st.recursive(WORKERS, supervisors, max_leaves=5))


def after_changes(spec: SupervisorSpec, changes: Changes) -> tuple[ChildSpec, ...]:
    """Do what is to be done with the children of a supervisor, in that order."""
    children = {child.id: child for child in spec.children}
    order = list(children)
    for change in changes.children:
        if change.kind is Kind.REMOVE:
            order.remove(change.id)
            continue
        children[change.id] = after_change(children.get(change.id), change)
        if change.after is not None:
            if change.kind is not Kind.ADD:
                order.remove(change.id)
            order.insert(order.index(change.after) + 1 if change.after else 0, change.id)
    return tuple(children[id_] for id_ in order)


def after_change(old: ChildSpec | None, change: ChildChange) -> ChildSpec:
    spec = old if change.kind in (Kind.INSIDE, Kind.MOVE) else change.new
    assert spec is not None
    if change.inside is None or change.kind is Kind.RECREATE:
        return spec
    assert old is not None
    assert isinstance(old.start, SupervisorSpec)
    assert isinstance(spec.start, SupervisorSpec)
    below = after_changes(old.start, change.inside)
    return replace(spec, start=replace(spec.start, children=below))


@given(CHILDREN, CHILDREN)
def test_what_is_to_be_done_makes_of_the_old_tree_the_new_one(
    old: tuple[ChildSpec, ...], new: tuple[ChildSpec, ...]
) -> None:
    changes = compare(tree(*old), tree(*new))
    assert after_changes(tree(*old), changes) == new
    assert bool(changes) == (old != new)
    assert not compare(tree(*new), tree(*new))

    found = list(in_order(changes))
    assert len({step.path for step in found}) == len(found), "at most one step for each child"
    kinds = [step.kind is Kind.REMOVE for step in found]
    assert kinds == sorted(kinds, reverse=True), "what is removed comes first"
    assert Kind.INSIDE not in {step.kind for step in found}
