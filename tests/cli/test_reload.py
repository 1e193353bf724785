"""``otpy reload`` and ``otpy scale``: the plan, and what came of it (11.1)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import connect
from tests.cli.commands import Run, private_directory, running
from tests.cli.test_output_schema import valid

TREE = """
name: edited
children:
  - {id: a, start: "tests.support.reloading_workers:Versioned", args: [1]}
  - {id: many, start: "tests.support.reloading_workers:Versioned", instances: 2}
  - {id: b, command: [sleep, "1000"]}
"""


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    """The file of a node that runs."""
    with private_directory() as private:
        path = private / "edited.yaml"
        path.write_text(TREE, encoding="utf-8")
        with running(path, private, Path.cwd()):
            yield path


@pytest.fixture
def tree(file: Path) -> Iterator[Path]:
    """The same; what a test has changed is undone."""
    yield file
    file.write_text(TREE, encoding="utf-8")
    with connect("edited") as node:
        node.reload()


def edit(tree: Path, old: str, new: str) -> None:
    assert old in TREE
    tree.write_text(TREE.replace(old, new), encoding="utf-8")


def test_nothing_is_to_be_done(otpy: Run, tree: Path) -> None:
    outcome = otpy("reload", tree)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "nothing to do; 5 unchanged\nedited: is so already\n"


def test_it_prints_the_plan_and_does_it(otpy: Run, tree: Path) -> None:
    edit(tree, "args: [1]", "args: [2]")
    planned = otpy("plan").out
    outcome = otpy("reload")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == f"{planned}edited: reloaded\n"
    with connect("edited") as node:
        assert node["a"].call("get")[0] == 2
    edit(tree, "args: [1]", "args: [3]")
    printed = otpy("reload", "--json")
    valid("reload", printed.out)
    assert [each["path"] for each in printed.data["changes"]] == ["a"]


def test_a_start_that_fails_is_told_with_its_child_and_all_is_as_before(
    otpy: Run, tree: Path
) -> None:
    edit(tree, "args: [1]", "args: [1, broken]")
    outcome = otpy("reload")
    assert outcome.status == 1
    assert outcome.err == (
        "otpy: a failed to start: error: ValueError: broken; all is as before; "
        "`otpy why a` shows more\n"
    )
    assert otpy("reload", "--json").error["kind"] == "NotReloaded"
    with connect("edited") as node:
        assert node["a"].call("get")[0] == 1


def test_a_wrong_file_a_node_that_is_not_there_and_a_node_that_is_late(
    otpy: Run, tree: Path
) -> None:
    edit(tree, "command:", "comand:")
    assert otpy("reload").status == 2
    assert otpy("reload", "-n", "nobody").status == 3
    edit(
        tree,
        "[sleep,",
        "[sh, -c, 'sleep 0.5; echo up; exec sleep 9'], ready: {log: up}, env: {A: b}} #",
    )
    late = otpy("reload", "--timeout", "300ms")
    assert late.status == 4
    assert late.err.startswith("otpy: node 'edited' ")


def test_instances(otpy: Run, tree: Path) -> None:
    assert otpy("scale", "many=3").out == "many: 3 instances\n"
    assert otpy("scale", "many=3").out == "many: has 3 instances already\n"
    assert "instances: 3 -> 2" in otpy("plan").out
    assert "w" not in otpy("scale", "many=1", "--json").one
    assert otpy("scale", "a=2").complaint.startswith("'a' has no instances")
    assert otpy("scale", "nobody=2").status == 3
    assert otpy("scale", "many=0").status == 2
    assert otpy("scale", "many").status == 2
    with connect("edited") as node:
        assert [each.id for each in node.supervisor("many").which_children()] == ["0"]
