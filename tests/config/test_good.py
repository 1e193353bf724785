"""Trees that are well written, and the specs they become."""

import math
from pathlib import Path

import pytest

from otpy.config import load
from otpy.core.spec import (
    BRUTAL_KILL,
    INFINITY,
    AutoShutdown,
    ChildSpec,
    CommandStart,
    Restart,
    RestartIntensity,
    ServerStart,
    ShutdownBudget,
    Strategy,
    SupervisorSpec,
)
from tests.config.folder import Folder

EVERYTHING = """\
name: counter-app
strategy: one_for_all
max_restarts: 7
max_seconds: 1.5s
auto_shutdown: any_significant
children:
  - id: counter
    start: shop.counter:Counter.Nested
    args: [0, {deep: [1, null]}]
    restart: transient
    shutdown: brutal_kill
    significant: true
  - id: keywords
    start: shop.counter:run
    args: {initial: 3}
  - id: pool
    strategy: rest_for_one
    max_restarts: 0
    max_seconds: 2m
    auto_shutdown: all_significant
    shutdown: 1h
    children:
      - id: proxy
        command: [caddy, run]
        restart: temporary
        shutdown: 250ms
        stop_signal: SIGQUIT
        stop_group: true
"""


def test_every_field(folder: Folder) -> None:
    proxy = ChildSpec(
        "proxy",
        CommandStart(("caddy", "run")),
        Restart.TEMPORARY,
        0.25,
        stop_signal="QUIT",
        stop_group=True,
    )
    pool = SupervisorSpec(
        Strategy.REST_FOR_ONE, RestartIntensity(0, 120.0), AutoShutdown.ALL_SIGNIFICANT, (proxy,)
    )
    counter = ServerStart("shop.counter:Counter.Nested", args=(0, {"deep": [1, None]}))
    config = folder.load(EVERYTHING)
    assert config.name == "counter-app"
    assert config.path == str(folder.path / "tree.yaml")
    assert config.spec == SupervisorSpec(
        Strategy.ONE_FOR_ALL,
        RestartIntensity(7, 1.5),
        AutoShutdown.ANY_SIGNIFICANT,
        (
            ChildSpec("counter", counter, Restart.TRANSIENT, BRUTAL_KILL, significant=True),
            ChildSpec("keywords", ServerStart("shop.counter:run", kwargs={"initial": 3})),
            ChildSpec("pool", pool, Restart.PERMANENT, 3600.0),
        ),
    )


def test_defaults_are_otps_and_the_name_is_the_files_stem(folder: Folder) -> None:
    config = folder.load("children: [{id: a, start: 'm:f'}, {id: b, children: []}]")
    assert config.name == "tree"
    assert config.spec == SupervisorSpec(
        Strategy.ONE_FOR_ONE,
        RestartIntensity(3, 5.0),
        AutoShutdown.NEVER,
        (
            ChildSpec("a", ServerStart("m:f"), Restart.PERMANENT, 5.0),
            ChildSpec("b", SupervisorSpec(), Restart.PERMANENT, INFINITY),
        ),
    )


@pytest.mark.parametrize(
    ("written", "budget"),
    [
        ("0", 0.0),
        ("5", 5.0),
        ("0.5", 0.5),
        ("250ms", 0.25),
        ("5s", 5.0),
        ("2m", 120.0),
        ("1.5h", 5400.0),
        ("brutal_kill", BRUTAL_KILL),
        ("infinity", INFINITY),
    ],
)
def test_shutdown(folder: Folder, written: str, budget: ShutdownBudget) -> None:
    config = folder.load(f"children: [{{id: a, start: 'm:f', shutdown: {written}}}]")
    (child,) = config.spec.children
    assert child.shutdown == budget
    assert type(child.shutdown) is type(budget)


def test_a_tree_may_have_no_children(folder: Folder) -> None:
    assert folder.load("children: []").spec == SupervisorSpec()


def test_the_same_id_may_stand_below_different_supervisors(folder: Folder) -> None:
    folder.load(
        "children: [{id: a, children: [{id: a, start: 'm:f'}]}, {id: b, children: [{id: a,"
        " start: 'm:f'}]}]"
    )


def test_merge_keys_and_aliases_as_safe_load_reads_them(folder: Folder) -> None:
    config = folder.load(
        """\
children:
  - &one {id: one, start: 'm:f', restart: transient, shutdown: 1s}
  - <<: *one
    id: two
    args: &args [1]
  - <<: [{restart: temporary, args: *args}, *one]
    id: three
"""
    )
    assert config.spec.children == (
        ChildSpec("one", ServerStart("m:f"), Restart.TRANSIENT, 1.0),
        ChildSpec("two", ServerStart("m:f", (1,)), Restart.TRANSIENT, 1.0),
        ChildSpec("three", ServerStart("m:f", (1,)), Restart.TEMPORARY, 1.0),
    )


def test_arguments_are_what_yaml_says(folder: Folder) -> None:
    config = folder.load(
        "children: [{id: a, start: 'm:f', args: [010, 1_000, .inf, yes, ~, 'no', {1: x}, <<, =]}]"
    )
    (child,) = config.spec.children
    args = [8, 1000, math.inf, True, None, "no", {1: "x"}, "<<", "="]
    assert child.start == ServerStart("m:f", tuple(args))


def test_a_byte_order_mark_is_no_mistake(folder: Folder) -> None:
    assert folder.load("\ufeffchildren: []").spec == SupervisorSpec()


def test_a_path_may_be_a_path(folder: Folder) -> None:
    folder.write("other.yaml", "children: []")
    assert load(Path("other.yaml")).name == "other"


def test_a_hundred_thousand_lines(folder: Folder) -> None:
    child = "  - id: w{}\n    start: m:f\n    args: [1]\n    restart: transient\n    shutdown: 1s\n"
    text = "children:\n" + "".join(child.format(i) for i in range(20_000))
    assert len(folder.load(text).spec.children) == 20_000


@pytest.mark.parametrize("children", ["", "children: []"])
def test_a_dynamic_supervisor_starts_without_children(folder: Folder, children: str) -> None:
    config = folder.load(f"strategy: dynamic\nmax_children: 7\n{children}")
    assert config.spec == SupervisorSpec(Strategy.DYNAMIC, max_children=7)


def test_a_dynamic_supervisor_below_another(folder: Folder) -> None:
    config = folder.load("children: [{id: pool, strategy: dynamic, max_children: infinity}]")
    pool = ChildSpec("pool", SupervisorSpec(Strategy.DYNAMIC), shutdown=INFINITY)
    assert config.spec.children == (pool,)


def test_a_template_needs_no_id(folder: Folder) -> None:
    spec = folder.load("{strategy: dynamic, template: {start: 'm:f', args: [1], shutdown: 2}}").spec
    assert spec.template == ChildSpec("worker", ServerStart("m:f", (1,)), shutdown=2.0)


def test_a_template_may_be_a_command_and_say_what_ids_begin_with(folder: Folder) -> None:
    spec = folder.load("{strategy: dynamic, template: {id: job, command: [sh, -c]}}").spec
    assert spec.template == ChildSpec("job", CommandStart(("sh", "-c")))
