"""Ids and registered names: neither takes what the other has (4.18)."""

from typing import Any

import pytest

import otpy
from otpy.events import ChildStarted
from tests.support.node import Nodes, NodeUnderTest

KIN = "tests.support.kin_workers:Kin"

TREE = f"""
name: names
children:
  - {{id: a, start: "{KIN}", args: [WORK/log, main]}}
  - id: pool
    children:
      - {{id: b, start: "{KIN}", args: [WORK/log, pool/x]}}
      - {{id: asker, start: "tests.support.asking_workers:Asking", args: [WORK/log]}}
"""


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


def spec(node: NodeUnderTest, id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "start": KIN, "args": [f"{node.work}/log"], **more}


def test_start_child_takes_nobodys_name(node: NodeUnderTest) -> None:
    holder = node.client["main"].pid
    for path, id_ in (("", "main"), ("pool", "x")):
        with pytest.raises(otpy.SupervisorError, match="already_started: ") as refused:
            node.client.supervisor(path).start_child(spec(node, id_))
        assert refused.value.reason == "already_started"
    told = node.client.supervisor().start_children([spec(node, "main"), spec(node, "c")])
    assert isinstance(told[0], otpy.SupervisorError)
    assert isinstance(told[1], otpy.ChildInfo)
    told = node.call("asker", "do", "supervisor.start_child", ["", spec(node, "main")], {})
    assert told[:2] == ["error", "SupervisorError"]
    assert node.client["main"].pid == holder


def test_elsewhere_an_id_may_be_what_somebody_is_called(node: NodeUnderTest) -> None:
    holder = node.client["main"].pid
    node.client.supervisor("pool").start_child(spec(node, "main"))
    assert node.client["main"].pid == holder
    assert node.client["pool/main"].pid != holder


def test_a_name_that_is_free_again_may_be_an_id(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    root.terminate_child("a")
    root.delete_child("a")
    assert root.start_child(spec(node, "main")).id == "main"


def test_nobody_takes_the_path_of_a_child_that_is_down(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    root.start_child(spec(node, "c"))
    root.terminate_child("c")
    assert node.call("a", "register_name", "c") == "already_started"


def test_a_child_whose_name_is_taken_is_refused_in_otps_words(node: NodeUnderTest) -> None:
    root = node.client.supervisor()
    for taken in ("main", "b"):
        with pytest.raises(otpy.SupervisorError, match="already_started") as refused:
            root.start_child(spec(node, "c", name=taken))
        assert refused.value.reason == "already_started"
        assert taken in refused.value.detail
    told = root.start_children([spec(node, "c", name="main"), spec(node, "d", name="other")])
    assert [type(each) for each in told] == [otpy.SupervisorError, otpy.ChildInfo]


@pytest.mark.parametrize("restart", ["temporary", "transient"])
def test_of_a_temporary_child_the_arguments_are_forgotten(
    node: NodeUnderTest, restart: str
) -> None:
    """As OTP does it, since nobody starts it again."""
    root = node.client.supervisor()
    root.start_child(spec(node, "c", restart=restart))
    root.start_child({"id": "d", "command": ["sleep", "1000"], "restart": restart})
    node.next(ChildStarted, path="d")
    kept = restart == "transient"
    assert root.get_childspec("c")["args"] == ([f"{node.work}/log"] if kept else [])
    assert root.get_childspec("d")["command"] == (["sleep", "1000"] if kept else ["sleep"])
