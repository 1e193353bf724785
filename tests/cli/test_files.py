"""Commands about a tree's file: check, schema, run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.cli.errors import placed
from otpy.cli.terminal import Terminal, terminal
from tests.cli.commands import CONFIGS, Run, running, title

WRONG = """\
name: wrong
children:
  - id: a
    start: otpy.examples.counter:Counter
    restart: always
  - id: a
    start: otpy.examples.counter:Countr
"""


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    return file


@pytest.mark.parametrize(
    ("name", "summary"),
    [("counter", "1 supervisor, 1 worker"), ("shop", "3 supervisors, 8 workers")],
)
def test_a_good_file_is_ok(otpy: Run, name: str, summary: str) -> None:
    file = CONFIGS / f"{name}.yaml"
    checked = otpy("check", file)
    assert (checked.status, checked.out, checked.err) == (0, f"{file}: ok, {summary}\n", "")
    supervisors, workers = (int(part.split()[0]) for part in summary.split(", "))
    assert otpy("check", file, "--json").data == {
        "file": str(file),
        "supervisors": supervisors,
        "workers": workers,
    }


def test_every_mistake_is_a_line_with_its_place(otpy: Run, wrong: Path) -> None:
    checked = otpy("check", wrong)
    assert (checked.status, checked.out) == (2, "")
    lines = checked.err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{wrong}:") for line in lines)
    assert "did you mean 'Counter'" in checked.err


def test_every_mistake_as_json(otpy: Run, wrong: Path) -> None:
    checked = otpy("check", wrong, "--json")
    assert (checked.status, checked.err) == (2, "")
    assert checked.error["kind"] == "SpecError"
    mistakes = checked.error["mistakes"]
    assert [set(mistake) for mistake in mistakes] == [{"file", "line", "column", "message"}] * 3
    assert (mistakes[0]["line"], mistakes[0]["column"]) == (5, 14)
    assert {mistake["file"] for mistake in mistakes} == {str(wrong)}
    assert otpy("run", wrong, "--json").error == checked.error


def test_a_file_that_is_not_there(otpy: Run) -> None:
    for words in (
        ["check", "/nowhere.yaml"],
        ["run", "/nowhere.yaml"],
        ["start", "x", "@/nowhere.yaml"],
    ):
        told = otpy(*words)
        assert (told.status, told.out) == (2, "")
        assert told.err == "/nowhere.yaml: cannot be read: No such file or directory\n"
    assert otpy("check", "/nowhere.yaml", "--json").error["mistakes"] == [
        {
            "file": "/nowhere.yaml",
            "line": 1,
            "column": 1,
            "message": "cannot be read: No such file or directory",
        }
    ]


def test_colons_in_a_mistake_are_left_alone() -> None:
    assert placed("C:3:4.yaml:5:6: got 7:8: no") == {
        "file": "C:3:4.yaml",
        "line": 5,
        "column": 6,
        "message": "got 7:8: no",
    }


def test_the_schema_is_json(otpy: Run) -> None:
    assert otpy("schema").data == otpy("schema", "--json").data
    assert "children" in otpy("schema").data["properties"]


@pytest.mark.usefixtures("nowhere")
def test_run_refuses_with_the_words_of_check(otpy: Run, wrong: Path) -> None:
    refused = otpy("run", wrong)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err == otpy("check", wrong).err


@pytest.fixture
def counter(nowhere: Path) -> Iterator[Terminal]:
    """A node that the command runs, of configs/counter.yaml."""
    with running(CONFIGS / "counter.yaml", nowhere, by_command=True) as run:
        yield run


def test_run_becomes_the_node(counter: Terminal) -> None:
    # So whoever supervises `otpy run` has the node's own pid.
    assert title(counter.node) == "otpy: node counter-app"


@pytest.mark.usefixtures("counter")
def test_a_second_node_of_the_same_name_is_refused(counter: Terminal, nowhere: Path) -> None:
    lines: list[str] = []
    with terminal(CONFIGS / "counter.yaml", nowhere, lines.append) as second:
        second.show_until("already running")
        assert second.wait() == 1
    assert len(lines) == 1
    assert lines[0].startswith("   │ otpy: node 'counter-app' is already running with pid ")
    assert str(counter.node.pid) in lines[0]


def test_a_tree_finds_the_modules_of_the_folder_it_is_run_in(nowhere: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import otpy\n\ndef work():\n    otpy.receive()\n")
    tree = {"name": "mine", "children": [{"id": "worker", "start": "mine:work"}]}
    (tmp_path / "mine.yaml").write_text(json.dumps(tree))
    ended = subprocess.run(
        [Path(sys.executable).parent / "otpy", "check", "mine.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("mine.yaml: ok, 1 supervisor, 1 worker\n", "")
    with running(tmp_path / "mine.yaml", nowhere, cwd=tmp_path, by_command=True):
        pass
