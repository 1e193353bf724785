"""``otpy durable``: look after the states of durable servers (12.9)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import connect
from tests.cli.commands import Run, private_directory, running
from tests.cli.test_output_schema import valid

TREE = """
name: kept
max_restarts: infinity
children:
  - {id: counter, start: "tests.support.durable_workers:Counter", durable: true}
  - {id: bank, start: "tests.support.durable_workers:Bank", durable: true}
  - {id: plain, start: "tests.support.durable_workers:Counter"}
"""


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with private_directory() as private:
        monkeypatch.setenv("OTPY_STATE", str(private / "state"))
        (private / "kept.yaml").write_text(TREE, encoding="utf-8")
        yield private


def test_states_are_looked_after_while_the_node_runs(otpy: Run, place: Path) -> None:
    with running(place / "kept.yaml", place), connect("kept") as node:
        node["counter"].call("increment", 5)
        for line in otpy("durable", "list").out.splitlines()[1:]:
            assert line.endswith("in use")
        as_json = otpy("durable", "list", "--json")
        valid("durable", as_json.out)
        assert [(each["name"], each["in_use"]) for each in as_json.data] == [
            ("bank", True),
            ("counter", True),
        ]
        shown = otpy("durable", "show", "counter", "--json")
        valid("durable", shown.out)
        assert shown.data["attributes"] == {"count": 5}
        assert "a table of 3 rows" in otpy("durable", "show", "bank").out
        copy = place / "copy.state"
        written = otpy("durable", "export", "counter", "-o", copy)
        assert written.out.startswith(f"counter: wrote {copy}, ")
        again = otpy("durable", "export", "counter", "-o", copy)
        assert (again.status, "File exists" in again.err) == (1, True)
        used = otpy("durable", "import", "counter", copy)
        assert (used.status, "another process has the state open" in used.err) == (1, True)
        used = otpy("durable", "reset", "counter", "--yes")
        assert (used.status, "another process has the state open" in used.err) == (1, True)
        node["counter"].call("increment", 5)
        node.supervisor().terminate_child("counter")
        assert otpy("durable", "import", "counter", copy).status == 0
        node.supervisor().restart_child("counter")
        assert node["counter"].call("get") == 5
        node.supervisor().terminate_child("counter")
        valid("durable", otpy("durable", "reset", "counter", "--yes", "--json").out)
        node.supervisor().restart_child("counter")
        assert node["counter"].call("get") == 0
        assert not list((place / "state" / "kept").glob(".*")), "nothing temporary is left"


def test_states_are_looked_after_when_nothing_runs(otpy: Run, place: Path) -> None:
    with running(place / "kept.yaml", place), connect("kept") as node:
        node["counter"].call("increment", 5)
    assert otpy("durable", "list").status == 3
    listed = otpy("-n", "kept", "durable", "list").out
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [
        ["bank", "1"],
        ["counter", "1"],
    ]
    shown = otpy("-n", "kept", "durable", "show", "counter").out
    assert [line.split() for line in shown.splitlines()] == [["version", "1"], ["count", "5"]]
    unknown = otpy("-n", "kept", "durable", "show", "other")
    assert (unknown.status, "'other' has no state in" in unknown.err) == (3, True)
    (place / "state" / "kept" / "counter.state").write_bytes(b"nonsense")
    assert "the state is damaged" in otpy("-n", "kept", "durable", "list").out
    assert otpy("-n", "kept", "durable", "show", "counter").status == 1
    assert otpy("-n", "kept", "durable", "reset", "counter", "--yes").status == 0
    assert otpy("-n", "kept", "durable", "import", "counter", place / "kept.yaml").status == 1
    assert otpy("-n", "kept", "durable", "import", "counter", place / "none").status == 1
    assert "counter" not in otpy("-n", "kept", "durable", "list").out
