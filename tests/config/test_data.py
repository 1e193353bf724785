"""A child as plain data, for `start_child` and `get_childspec`."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.config import child_from_data, child_to_data, copy_from_data
from otpy.config.data import tree_from_data, tree_to_data
from otpy.config.fields import SupervisorChild
from otpy.config.mistakes import one_of
from otpy.core.messages import StartCopy
from otpy.core.placement import placed
from otpy.core.spec import (
    INFINITY,
    NO_BACKOFF,
    AutoShutdown,
    Backoff,
    ChildSpec,
    CommandStart,
    Inheritable,
    NoBudget,
    OnGiveUp,
    Restart,
    RestartIntensity,
    ServerStart,
    Start,
    Strategy,
    SupervisorSpec,
)
from otpy.errors import SpecError
from tests.config.folder import Folder


def mistakes(data: object, where: str = "child") -> list[str]:
    with pytest.raises(SpecError) as caught:
        child_from_data(data, where=where)
    return list(caught.value.mistakes)


def test_a_child() -> None:
    child = child_from_data({"id": "w3", "start": "shop.workers:Worker", "args": [1]})
    assert child == ChildSpec("w3", ServerStart("shop.workers:Worker", (1,)))


def test_children_may_be_nested() -> None:
    child = child_from_data({"id": "p", "children": [{"id": "c", "command": ["caddy"]}]})
    inner = ChildSpec("c", CommandStart(("caddy",)))
    assert child == ChildSpec("p", SupervisorSpec(children=(inner,)), shutdown=INFINITY)


def test_defaults_are_filled_in() -> None:
    defaults = {
        "id": "a",
        "start": "m:f",
        "args": [],
        "restart": "permanent",
        "shutdown": 5.0,
        "significant": False,
    }
    assert child_to_data(ChildSpec("a", ServerStart("m:f"))).items() >= defaults.items()


def test_own_limits_are_those_that_a_child_names_and_the_usual_ones() -> None:
    fields = {"id": "a", "start": "m:f"}
    assert child_from_data(fields).own_intensity is None
    assert child_from_data({**fields, "on_give_up": "escalate"}).own_intensity is None
    for own, limits in (
        ({"max_restarts": 7}, RestartIntensity(7, 5.0)),
        ({"max_restarts": "infinity"}, RestartIntensity(None, 5.0)),
        ({"max_seconds": "1m"}, RestartIntensity(3, 60.0)),
        ({"on_give_up": "stay_down"}, RestartIntensity(3, 5.0)),
    ):
        child = child_from_data({**fields, **own})
        assert child.own_intensity == limits
        assert child_from_data(child_to_data(child)) == child


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "s", "max_seconds": "1m", "children": [{"id": "a", "command": ["prog"]}]},
        {"id": "s", "max_seconds": "1m", "start": "m:f", "instances": 2},
    ],
)
def test_a_supervisor_that_stays_down_counts_its_own_ends(fields: dict[str, Any]) -> None:
    assert child_from_data(fields).own_intensity is None
    assert child_from_data({**fields, "on_give_up": "escalate"}).own_intensity is None
    child = child_from_data({**fields, "on_give_up": "stay_down"})
    assert isinstance(child.start, SupervisorSpec)
    assert child.on_give_up is OnGiveUp.STAY_DOWN
    assert child.own_intensity == child.start.intensity == RestartIntensity(3, 60.0)
    assert all(each.own_intensity is None for each in child.start.children)
    assert child_from_data(child_to_data(child)) == child


def test_a_backoff_may_be_given_in_full_or_in_a_word() -> None:
    fields = {"id": "a", "command": ["prog"]}
    for word, backoff in (
        (True, Backoff()),
        (False, NO_BACKOFF),
        ({"initial": "10ms", "max": 5}, Backoff(initial=0.01, max=5.0)),
    ):
        child = child_from_data({**fields, "backoff": word})
        assert child.backoff == backoff
        assert child_from_data(child_to_data(child)) == child


def test_the_backoff_of_a_supervisor_is_that_of_all_below_it() -> None:
    inner = {"id": "s", "children": [{"id": "a", "start": "m:f", "instances": 2}]}
    child = child_from_data({"id": "t", "backoff": True, "children": [inner]})
    child = placed(child, Inheritable(), "")
    assert isinstance(child.start, SupervisorSpec)
    (below,) = child.start.children
    assert isinstance(below.start, SupervisorSpec)
    (pool,) = below.start.children
    assert isinstance(pool.start, SupervisorSpec)
    assert child.start.backoff == below.start.backoff == pool.start.backoff == Backoff()


def test_a_dynamic_supervisor_comes_back_from_its_data() -> None:
    for limit, written in ((None, "infinity"), (7, 7)):
        spec = ChildSpec("p", SupervisorSpec(Strategy.DYNAMIC, max_children=limit), shutdown=9.0)
        data = child_to_data(spec)
        assert (data["strategy"], data["max_children"], data["children"]) == (
            "dynamic",
            written,
            [],
        )
        assert child_from_data(data) == spec


def test_a_template_comes_back_from_its_data() -> None:
    template = ChildSpec("job", ServerStart("m:f", (1, "a")), Restart.TRANSIENT, 2.0)
    spec = ChildSpec("p", SupervisorSpec(Strategy.DYNAMIC, template=template), shutdown=9.0)
    assert child_from_data(child_to_data(spec)) == spec


def test_what_is_a_childs_own_of_those_made_from_a_template() -> None:
    assert copy_from_data({}) == StartCopy()
    assert copy_from_data({"args": [5], "id": "w"}) == StartCopy("w", (5,))
    assert copy_from_data({"args": {"size": 5}}) == StartCopy(kwargs={"size": 5})
    for data, line in (
        ({"id": 5}, "x.id: got 5, expected a string, unique among its siblings; put it in quotes"),
        ({"id": "a/b"}, "x.id: got 'a/b', expected a name without '/', white space and control"),
        ({"args": 5}, "x.args: got 5, expected a list of positional or a mapping of keyword"),
    ):
        with pytest.raises(SpecError) as caught:
            copy_from_data(data, where="x")
        assert str(caught.value).startswith(line)


def test_whether_it_may_be_significant_is_its_supervisors_to_say() -> None:
    assert child_from_data({"id": "a", "command": ["x"], "significant": True}).significant


def test_every_mistake_is_told() -> None:
    data = {
        "id": "p",
        "restart": "always",
        "children": [{"id": "a", "start": "m"}, {"id": "a", "command": [5]}, 5],
        "colour": 1,
        "significant": "yes",
    }
    assert sorted(mistakes(data)) == [
        "child.children[0].start: got 'm', expected module:attribute, such as shop.cart:Cart",
        "child.children[1].command[0]: got 5, expected a string; put it in quotes",
        "child.children[1].id: got 'a' again, expected an id that is unique among its siblings",
        (
            "child.children[2]: got 5, expected a mapping with id and one of start, command or"
            " children"
        ),
        "child.restart: got 'always', expected permanent, transient or temporary",
        "child.significant: got 'yes', expected true or false",
        (f"child: unknown key 'colour', expected {one_of(SupervisorChild.model_fields)}"),
    ]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (5, "x: got 5, expected a mapping with id and one of start, command or children"),
        ({"start": "m:f"}, "x: id is missing, expected a string, unique among its siblings"),
        ({"id": "a"}, "x: start, command or children is missing, expected exactly one of them"),
        (
            {"id": b"a", "start": "m:f"},
            (
                "x.id: got a value of type bytes, expected a string, unique among its siblings;"
                " put it in quotes"
            ),
        ),
        (
            {"id": "a", "start": "m:f", 5: 1},
            "x: got the key 5, expected a string; put it in quotes",
        ),
    ],
)
def test_one_mistake(data: object, line: str) -> None:
    assert mistakes(data, "x") == [line]


def test_data_that_holds_itself() -> None:
    data: dict[str, Any] = {"id": "a", "children": []}
    data["children"].append(data)
    (line,) = mistakes(data)
    assert line.endswith("supervisors nested over 50 deep, expected at most 50")


def test_plain_data_needs_no_yaml() -> None:
    program = (
        "import sys, otpy.config as c; assert 'pydantic' not in sys.modules;"
        "c.child_from_data({'id': 'a', 'start': 'b:c'}); assert 'yaml' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


names = st.from_regex(r"[a-z_][a-z0-9_.-]{0,20}", fullmatch=True)
plain = st.none() | st.booleans() | st.integers() | st.text()
durations = st.integers(0, 10**6).map(float) | st.floats(0, 10**9)
budgets = durations | st.sampled_from(NoBudget)
servers = st.builds(
    ServerStart, st.just("m.n:A.b"), args=st.lists(plain, max_size=3).map(tuple)
) | st.builds(ServerStart, st.just("m:f"), kwargs=st.dictionaries(names, plain, max_size=3))
commands = st.builds(CommandStart, st.lists(names, min_size=1, max_size=3).map(tuple))


def children(starts: st.SearchStrategy[Start]) -> st.SearchStrategy[ChildSpec]:
    return st.builds(ChildSpec, names, starts, st.sampled_from(Restart), budgets, st.just(False))


def supervisors(below: st.SearchStrategy[Start]) -> st.SearchStrategy[Start]:
    intensity = st.builds(
        RestartIntensity, st.integers(0, 10**9), durations.filter(lambda s: s > 0)
    )
    siblings = st.lists(children(below), max_size=3, unique_by=lambda child: child.id).map(tuple)
    return st.builds(
        SupervisorSpec,
        st.sampled_from([s for s in Strategy if s is not Strategy.DYNAMIC]),
        intensity,
        st.sampled_from(AutoShutdown),
        siblings,
    )


@given(children(st.recursive(servers | commands, supervisors, max_leaves=8)))
def test_a_spec_comes_back_from_its_data(spec: ChildSpec) -> None:
    assert child_from_data(child_to_data(spec)) == spec


@given(st.recursive(servers | commands, supervisors, max_leaves=8))
def test_a_tree_comes_back_from_its_data(start: Start) -> None:
    assert_comes_back(SupervisorSpec(children=(ChildSpec("a", start),)))


def assert_comes_back(spec: SupervisorSpec) -> None:
    assert tree_from_data(tree_to_data(spec)) == spec


def test_what_only_the_top_of_a_tree_has_comes_back(folder: Folder) -> None:
    tree = """
        env: {A: b}
        log: {file: x.log}
        max_restarts: infinity
        on_event:
          - {exec: [sh, -c, "true"], events: [GaveUp], timeout: 5}
          - {cast: alerts}
        children:
          - {id: many, command: [sleep, "1"], nice: 1, health: {tcp: 80}, backoff: true}
          - {id: pool, strategy: dynamic, template: {start: "m:f", args: [1]}, max_children: 3}
          - {id: few, start: "m:f", instances: 2, on_give_up: stay_down}
        """
    assert_comes_back(folder.load(tree).spec)


def test_instances_that_were_deleted_are_left_out() -> None:
    pool = child_from_data({"id": "w", "start": "m:f", "instances": 3})
    (child,) = tree_from_data(tree_to_data(SupervisorSpec(children=(pool,))), (), ["w/1"]).children
    assert isinstance(child.start, SupervisorSpec)
    assert [each.id for each in child.start.children] == ["0", "2"]


def test_children_that_were_added_by_hand_are_known_by_their_paths() -> None:
    inner = ChildSpec("b", SupervisorSpec(children=(child_from_data({"id": "a", "start": "m:f"}),)))
    data = tree_to_data(SupervisorSpec(children=(inner, replace(inner, id="c"))))
    spec = tree_from_data(data, ["b/a", "c"])
    below = [child.start for child in spec.children]
    assert [child.by_hand for child in spec.children] == [False, True]
    assert [isinstance(s, SupervisorSpec) and s.children[0].by_hand for s in below] == [True, False]
