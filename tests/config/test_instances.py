"""A child in several instances: its fields, and each way to write them wrongly."""

import pytest

from otpy.config import child_from_data, child_to_data
from otpy.config.fields import ServerChild
from otpy.config.mistakes import one_of
from otpy.core.spec import (
    BRUTAL_KILL,
    INFINITY,
    ChildSpec,
    Restart,
    RestartIntensity,
    ServerStart,
    Strategy,
    SupervisorSpec,
)
from tests.config.folder import Folder, Told

A_COUNT = "expected an integer from 1 to 10000"


def test_the_child_becomes_a_supervisor_of_its_instances(folder: Folder) -> None:
    text = "children: [{id: pool, start: 'm:f', args: [1], instances: 2}]"
    (pool,) = folder.load(text).spec.children
    assert pool == ChildSpec(
        "pool",
        SupervisorSpec(
            Strategy.ONE_FOR_ONE,
            children=(
                ChildSpec("0", ServerStart("m:f", (1,), instance=0)),
                ChildSpec("1", ServerStart("m:f", (1,), instance=1)),
            ),
            instances=2,
        ),
        Restart.PERMANENT,
        INFINITY,
    )


def test_restart_and_shutdown_are_each_instances_and_the_limits_their_supervisors(
    folder: Folder,
) -> None:
    text = """
        children:
        - id: pool
          instances: ${POOL:-1}
          start: m:f
          args: {a: 5}
          restart: transient
          shutdown: brutal_kill
          max_restarts: 9
          max_seconds: 1m
        """
    (pool,) = folder.load(text).spec.children
    assert isinstance(pool.start, SupervisorSpec)
    assert (pool.restart, pool.shutdown) == (Restart.PERMANENT, INFINITY)
    assert pool.start.intensity == RestartIntensity(9, 60.0)
    start = ServerStart("m:f", kwargs={"a": 5}, instance=0)
    assert pool.start.children == (ChildSpec("0", start, Restart.TRANSIENT, BRUTAL_KILL),)


def test_it_comes_back_from_its_data() -> None:
    data: dict[str, object] = {
        "id": "pool",
        "start": "m:f",
        "args": [1],
        "restart": "transient",
        "shutdown": 2.0,
        "significant": True,
        "stop_signal": "QUIT",
        "stop_group": True,
        "instances": 3,
        "max_restarts": 7,
        "max_seconds": 8.0,
    }
    assert child_to_data(child_from_data(data)).items() >= data.items()


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ("instances: 0, start: 'm:f'", f"1:31: instances: got 0, {A_COUNT}"),
        ("instances: -1, start: 'm:f'", f"1:31: instances: got -1, {A_COUNT}"),
        ("instances: 10001, start: 'm:f'", f"1:31: instances: got 10001, {A_COUNT}"),
        (
            "instances: yes, start: 'm:f'",
            f"1:31: instances: got yes (YAML reads it as true), {A_COUNT}",
        ),
        ("instances: 2.0, start: 'm:f'", f"1:31: instances: got 2.0, {A_COUNT}"),
        ("instances: '2', start: 'm:f'", f"1:31: instances: got '2', {A_COUNT}"),
        ("instances: [2], start: 'm:f'", f"1:31: instances: got a list, {A_COUNT}"),
        ("instances: , start: 'm:f'", f"1:31: instances: got nothing, {A_COUNT}"),
        (
            "instances: 2, command: [a]",
            "1:20: 'instances' with 'command', expected only with 'start'",
        ),
        (
            "instances: 2, children: []",
            "1:20: 'instances' with 'children', expected only with 'start'",
        ),
        (
            "instances: 2, strategy: dynamic",
            "1:20: 'instances' with 'children', expected only with 'start'",
        ),
        (
            "instances: 2",
            (
                "1:12: children[0]: start, command or children is missing,"
                " expected exactly one of them"
            ),
        ),
        (
            "instances: 2, start: 'm:f', strategy: one_for_all",
            "1:48: 'strategy' with 'instances', expected only with 'children'",
        ),
        (
            "instances: 2, start: 'm:f', significant: true",
            (
                "1:61: significant: got true,"
                " but a significant child needs a supervisor with auto_shutdown"
            ),
        ),
        (
            "instance: 2, start: 'm:f'",
            (
                f"1:20: unknown key 'instance', expected {one_of(ServerChild.model_fields)};"
                " did you mean 'instances'?"
            ),
        ),
    ],
)
def test_a_wrong_one(told: Told, fields: str, line: str) -> None:
    assert told(f"children: [{{id: a, {fields}}}]") == [line]


def test_it_is_not_significant_since_its_supervisor_is_permanent(told: Told) -> None:
    text = """auto_shutdown: any_significant
children: [{id: a, start: 'm:f', restart: transient, instances: 2, significant: true}]"""
    why = "got true, but a significant child may not be permanent"
    assert told(text) == [f"2:81: significant: {why}"]


def test_not_at_the_top_and_not_in_a_template(told: Told) -> None:
    template = "strategy: dynamic\ntemplate: {start: 'm:f', instances: 2}"
    why = "'instances' in a template, expected only in a child with 'start'"
    assert told(template) == [f"2:26: {why}"]
    assert told("instances: 2\nchildren: []")[0].startswith("1:1: unknown key 'instances', ")


def test_its_module_is_imported_and_its_arguments_are_checked(folder: Folder) -> None:
    folder.write("shop_of_many.py", "def f(one): pass\n")
    text = "children: [{id: a, start: 'shop_of_many:f', args: [1, 2], instances: 2}]"
    (line,) = folder.mistakes(text, check_imports=True)
    assert line == "1:51: args: too many positional arguments, expected f(one)"
