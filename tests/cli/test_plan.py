"""``otpy plan``: what a reload of a file would do, and nothing done (11.1)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import connect
from tests.cli.commands import Run, private_directory, running
from tests.cli.test_output_schema import valid

TREE = """
name: planned
children:
  - {id: db, command: [sleep, "1000"]}
  - id: pool
    env: {TOKEN: hidden, MODE: a}
    children:
      - {id: one, start: "mine:Server", args: [8000]}
      - {id: two, command: [sleep, "1001"]}
  - {id: many, start: "mine:Server", instances: 2}
  - {id: old, command: [sleep, "1002"]}
  - {id: last, command: [sleep, "1003"]}
  - {id: ended, command: [echo, "1"], restart: temporary}
"""
MODULE = """
from otpy import GenServer

class Server(GenServer):
    def init(self, port=0):
        pass
"""


@pytest.fixture(scope="module")
def node() -> Iterator[Path]:
    """The folder of a node that runs `TREE`, with a child that was added and one that is down."""
    with private_directory() as private:
        (private / "mine.py").write_text(MODULE, encoding="utf-8")
        (private / "planned.yaml").write_text(TREE, encoding="utf-8")
        with running(private / "planned.yaml", private), connect("planned") as client:
            client.supervisor().start_child({"id": "extra", "command": ["sleep", "1004"]})
            client.supervisor().terminate_child("last")
            client.wait_gone("ended")
            yield private


@pytest.fixture
def edited(node: Path, tmp_path: Path) -> "Edited":
    return Edited(tmp_path / "edited.yaml")


class Edited:
    """A file with the tree and some changes, which has to be asked for by its path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *changes: tuple[str, str], tree: str = TREE) -> Path:
        for old, new in changes:
            assert old in tree
            tree = tree.replace(old, new)
        self.path.write_text(tree, encoding="utf-8")
        return self.path


LEFT_ALONE = "= extra: added by hand, left alone"


def test_the_file_that_the_node_runs_needs_nothing(otpy: Run, node: Path) -> None:
    outcome = otpy("plan")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [LEFT_ALONE, "nothing to do; 10 unchanged"]


def test_a_plan_says_field_by_field_what_would_change_and_how(otpy: Run, edited: Edited) -> None:
    file = edited(
        ("name: planned", "name: planned\nmax_restarts: infinity"),
        ("[8000]", "[8001]"),
        ('two, command: [sleep, "1001"]', 'two, command: [sleep, "9"], shutdown: 2m'),
        ("instances: 2", "instances: 3, args: [1]"),
        ('  - {id: old, command: [sleep, "1002"]}\n', ""),
        ('last, command: [sleep, "1003"]', 'last, command: [sleep, "7"]'),
        ('[echo, "1"]', "[echo, a]"),
        ("  - {id: db", "  - {id: new, command: [sleep, x]}\n  - {id: db"),
    )
    outcome = otpy("plan", file)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "- old: remove",
        "~ root: live: max_restarts: 3 -> infinity",
        "+ new: add, first",
        "~ pool/one: restart: args: [8000] -> [8001]",
        "~ pool/two: restart",
        '    command: ["sleep", "1001"] -> ["sleep", "9"]',
        "    shutdown: 5 -> 120 (live)",
        "~ many: live: instances: 2 -> 3",
        "~ many/0 to 1: restart: args: [] -> [1]",
        "+ many/2: add, after 1",
        '~ last: restart (stopped, and stays so): command: ["sleep", "1003"] -> ["sleep", "7"]',
        '~ ended: restart (stopped, and stays so): command: ["echo", "1"] -> ["echo", "a"]',
        LEFT_ALONE,
        "2 to add, 1 to remove, 6 to restart, 2 live; 2 unchanged",
    ]


def test_a_plan_does_nothing(otpy: Run, node: Path, edited: Edited) -> None:
    with connect("planned") as client:
        before = str(client.tree())
        otpy("plan", edited(("[8000]", "[8001]"), ("1002", "5")))
        assert str(client.tree()) == before


def test_an_order_is_a_plan_too(otpy: Run, edited: Edited) -> None:
    line = '  - {id: db, command: [sleep, "1000"]}\n'
    outcome = otpy("plan", edited(tree=TREE.replace(line, "") + line))
    assert outcome.out.splitlines() == [
        "> db: move, after ended",
        LEFT_ALONE,
        "1 to move; 9 unchanged",
    ]


def test_another_kind_is_a_new_child(otpy: Run, edited: Edited) -> None:
    kind = ('{id: db, command: [sleep, "1000"]}', '{id: db, start: "mine:Server"}')
    assert otpy("plan", edited(kind)).out.splitlines()[:3] == [
        "! db: recreate",
        '    command: ["sleep", "1000"] -> (none)',
        "    start: (none) -> mine:Server",
    ]


def test_values_of_variables_are_shown_only_on_request(otpy: Run, edited: Edited) -> None:
    file = edited(("TOKEN: hidden, MODE: a", "TOKEN: secret, NEW: word"))
    plain, shown = otpy("plan", file).out, otpy("plan", file, "--show-values").out
    assert not any(word in plain for word in ("hidden", "secret", "word"))
    assert "    env.TOKEN: *** -> ***" in plain.splitlines()
    assert "    env.NEW: (none) -> ***" in plain.splitlines()
    assert "    env.MODE: *** -> (none)" in plain.splitlines()
    assert "    env.TOKEN: hidden -> secret" in shown.splitlines()
    assert "secret" not in otpy("plan", file, "--json").out


def test_a_plan_for_programs(otpy: Run, edited: Edited) -> None:
    file = edited(("[8000]", "[8001]"), ("{id: db", "{nice: 1, id: db"))
    outcome = otpy("plan", file, "--json")
    valid("plan", outcome.out)
    result = outcome.data
    db, one = result["changes"]
    assert one == {
        "path": "pool/one",
        "change": "restart",
        "fields": [{"name": "args", "old": [8000], "new": [8001], "effect": "restart"}],
    }
    assert db["fields"] == [{"name": "nice", "new": 1, "effect": "restart"}]
    assert result["by_hand"] == ["extra"]
    sums = {"add": 0, "remove": 0, "recreate": 0, "restart": 2, "move": 0, "live": 0}
    assert result["summary"] == {**sums, "unchanged": 8}


@pytest.mark.parametrize(("change", "status"), [(("1000", "1000"), 0), (("1000", "5"), 1)])
def test_on_request_the_exit_status_says_whether_there_is_anything(
    otpy: Run, edited: Edited, change: tuple[str, str], status: int
) -> None:
    file = edited(change)
    assert otpy("plan", file, "--exit-code").status == status
    outcome = otpy("plan", file, "--exit-code", "--json")
    valid("plan", outcome.out)
    assert len(outcome.data["changes"]) == status


def test_anchors_and_merges_are_read_as_what_they_stand_for(otpy: Run, edited: Edited) -> None:
    file = edited(
        ('  - {id: db, command: [sleep, "1000"]}', '  - &base {id: db, command: [sleep, "1000"]}'),
        ('{id: last, command: [sleep, "1003"]}', '{<<: *base, id: last, command: [sleep, "1003"]}'),
    )
    assert "nothing to do" in otpy("plan", file).out


# ---- files that are wrong ------------------------------------------------------------------------


def test_a_file_with_mistakes_is_refused_with_all_of_them(otpy: Run, edited: Edited) -> None:
    file = edited(("mine:Server", "mine:Serve"), ('[sleep, "1002"]', "[no-such-program]"))
    outcome = otpy("plan", file)
    assert (outcome.status, outcome.out) == (2, "")
    lines = outcome.err.splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    assert [line.split(": ")[1] for line in lines] == ["start", "start", "command[0]"]


def test_a_file_that_has_vanished(otpy: Run, node: Path, tmp_path: Path) -> None:
    outcome = otpy("plan", tmp_path / "gone.yaml")
    assert outcome.status == 2
    assert outcome.err == f"{tmp_path / 'gone.yaml'}: cannot be read: No such file or directory\n"


def test_a_path_is_relative_to_where_the_command_is_run(
    otpy: Run, edited: Edited, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = edited(("[8000]", "[8001]"))
    monkeypatch.chdir(file.parent)
    assert "pool/one" in otpy("plan", file.name).out
    file.write_text("children: 5")
    assert otpy("plan", file.name).err.startswith(f"{file.name}:1:11: children: got 5")
    assert Path.cwd() == file.parent


def test_a_file_is_read_with_the_variables_of_the_node(
    otpy: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = nowhere / "own.yaml"
    file.write_text('children: [{id: a, command: [sleep, "${OF_THE_NODE}"]}]')
    monkeypatch.setenv("OF_THE_NODE", "1006")
    with running(file, nowhere, by_command=True):
        monkeypatch.delenv("OF_THE_NODE")
        assert otpy("plan", file).out == "nothing to do; 1 unchanged\n"


def test_another_nodes_file_is_refused(otpy: Run, edited: Edited) -> None:
    file = edited(("name: planned", "name: other"))
    outcome = otpy("plan", file)
    assert (outcome.status, outcome.out) == (3, "")
    assert "'other' is not running" in outcome.err
    outcome = otpy("plan", "-n", "planned", file)
    assert (outcome.status, outcome.out) == (2, "")
    text = "name: got 'other', expected 'planned': a running node keeps its name"
    assert outcome.err == f"{file}:1:1: {text}\n"


def test_a_file_without_a_name_is_the_nodes(otpy: Run, edited: Edited) -> None:
    assert "nothing to do" in otpy("plan", edited(("name: planned\n", ""))).out


def test_without_a_node_there_is_no_plan(otpy: Run, nowhere: Path) -> None:
    assert otpy("plan").status == 3
    assert otpy("plan", "-n", "nobody").status == 3


def test_of_two_nodes_the_one_of_the_file_is_meant(otpy: Run, node: Path, edited: Edited) -> None:
    second = node / "second.yaml"
    second.write_text('children: [{id: only, command: [sleep, "1005"]}]')
    with running(second, node):
        assert "2 nodes run" in otpy("plan").complaint
        assert otpy("plan", second).out == "nothing to do; 1 unchanged\n"
        assert "pool/one" in otpy("plan", edited(("[8000]", "[8001]"))).out
        assert "pool/one" in otpy("plan", "-n", "planned", edited.path).out


def test_a_file_from_stdin(node: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "otpy", "-n", "planned", "plan", "/dev/stdin"],
        input=TREE.replace("[8000]", "[8001]"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "~ pool/one: restart" in done.stdout


def test_a_node_that_was_started_from_a_pipe_has_no_file_to_read_again(
    otpy: Run, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otpy import Node

    monkeypatch.setattr(Node, "config", property(lambda _: "/dev/null"))
    assert "was started from /dev/null" in otpy("plan").complaint
    monkeypatch.setattr(Node, "config", property(lambda _: ""))
    assert "runs no file" in otpy("plan").complaint
