"""`essential`: which ends of a child count, and the way back."""

import json

import pytest

from otpy.config import child_from_data, child_to_data
from otpy.core.spec import Essential, Restart, SupervisorSpec
from tests.config.folder import Folder, Told

KINDS: dict[str, dict[str, object]] = {
    "server": {"start": "m:f"},
    "command": {"command": ["sh"]},
    "supervisor": {"children": []},
    "instances": {"start": "m:f", "instances": 2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_end_counts_unless_it_is_said_which_ones_restart_it(kind: str) -> None:
    given = {"id": "a", **KINDS[kind]}
    for keys, wanted in (
        ({}, Essential.NO),
        ({"essential": False}, Essential.NO),
        ({"essential": True}, Essential.ANY_END),
        ({"essential": True, "restart": "permanent"}, Essential.LAST_END),
        ({"essential": True, "restart": "transient"}, Essential.LAST_END),
    ):
        child = child_from_data({**given, **keys})
        assert child.essential is wanted
        data = json.loads(json.dumps(child_to_data(child)))
        assert child_from_data(data) == child
        assert data["essential"] is keys.get("essential", False)


def test_of_instances_their_supervisor_is_essential() -> None:
    child = child_from_data({"id": "a", **KINDS["instances"], "essential": True})
    assert isinstance(child.start, SupervisorSpec)
    assert {each.essential for each in child.start.children} == {Essential.NO}


def test_without_restart_it_is_as_any_other_child_to_its_group(folder: Folder) -> None:
    text = "children: [{id: a, command: [sh], essential: true}]"
    (child,) = folder.load(text).spec.children
    assert child.restart is Restart.PERMANENT


def test_no_child_of_a_template_is_essential(told: Told) -> None:
    assert told("strategy: dynamic\ntemplate: {command: [sh], essential: true}\n") == [
        "2:38: essential: got true, expected false: of many children none is essential"
    ]
    assert told("children: [{id: a, command: [sh], essential: 1}]") == [
        "1:46: essential: got 1, expected true or false"
    ]
