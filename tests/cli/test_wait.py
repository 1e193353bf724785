"""``otpy wait`` and ``otpy status --boot``: what is not ready yet, and what has ended."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import connect
from otpy.cli.terminal import Terminal
from tests.cli.commands import Outcome, Run, running
from tests.support.processes import DEADLINE_S

W = "tests.support.ready_workers"

TREE = f"""
name: waits
children:
  - id: pool
    strategy: dynamic
    max_restarts: infinity
    children: []
  - {{id: first, start: "{W}:Early"}}
  - id: loop
    command: ["false"]
    ready: notify
    max_restarts: 0
    on_give_up: stay_down
  - id: wing
    max_restarts: 0
    on_give_up: stay_down
    children: [{{id: feather, command: ["false"]}}]
"""


@pytest.fixture
def tree(nowhere: Path) -> Iterator[Terminal]:
    file = nowhere / "waits.yaml"
    file.write_text(TREE)
    with running(file, nowhere) as run:
        yield run


def waiting(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "otpy", "wait", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> Outcome:
    out, err = process.communicate(timeout=DEADLINE_S)
    return Outcome(process.returncode, out, err)


def check_what_is_so_at_once(otpy: Run) -> None:
    outcome = otpy("wait", "first", "root")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith("first: ready, pid ")
    assert outcome.out.splitlines()[1].startswith("root: ready, pid ")
    assert otpy("wait", "first", "loop").complaint.startswith(
        "'loop' has failed and stays down: exit: 1; "
    )
    assert otpy("wait", "loop").status == 1
    below = otpy("wait", "feather")
    assert below.complaint.startswith(
        "'wing' has failed and stays down: gave up on 'feather': exit: 1"
    )
    failed = otpy("wait", "--all", "--json")
    assert failed.status == 1
    assert failed.error["kind"] == "StartFailed"
    assert "'loop' has failed and stays down: exit: 1" in failed.error["message"]
    assert otpy("wait", "loop", "--gone").out == "loop: gone\n"
    assert otpy("wait", "nowhere", "--gone").out == "nowhere: gone\n"
    assert otpy("wait", "nowhere").status == 3
    assert otpy("wait", "first", "nowhere", "--json").error["kind"] == "NoProcess"
    late = otpy("wait", "first", "--gone", "--timeout", "0.1")
    assert (late.status, late.complaint) == (4, "'first': not gone within 0.1 s")
    assert otpy("wait").status == 2
    assert otpy("wait", "--all", "first").status == 2


def test_wait_ends_when_it_is_so_and_says_how_it_ends(
    otpy: Run, tree: Terminal, nowhere: Path
) -> None:
    for _ in ("loop", "wing"):
        tree.show_until(": FAILED")
    gate = nowhere / "gate"
    check_what_is_so_at_once(otpy)

    # One that is not ready yet is waited for, and shown as what it is.
    with connect("waits") as node:
        spec = {"id": "late", "start": f"{W}:Late", "args": [str(gate)], "ready": "notify"}
        asked = threading.Thread(
            target=lambda: connect("waits").supervisor("pool").start_child(spec, timeout=DEADLINE_S)
        )
        asked.start()
        for event in node.events(follow=True):
            if type(event).__name__ == "ChildStarting" and event.path == "pool/late":
                break
        assert otpy("status", "late", "--json").one["state"] == "starting"
        assert otpy("wait", "late", "--timeout", "0.1").status == 4
        boot = otpy("status", "--boot", "--json").data
        assert boot["total"] > 0
        rows = {row["path"]: row for row in boot["starts"]}
        assert next(iter(rows)) == ""
        assert list(rows)[-1] == "pool/late"
        assert rows["pool/late"]["took"] is None
        assert rows["first"]["took"] > 0
        assert "so far" in otpy("status", "--boot").out
        ready, gone = waiting("late", "first", "--json"), waiting("late", "--gone")
        gate.touch()
        outcome = ended(ready)
        assert outcome.status == 0
        assert [row["state"] for row in outcome.data] == ["running", "running"]
        asked.join()
        assert "total: " in otpy("status", "--boot").out
        node.supervisor("pool").terminate_child("late")
        assert ended(gone).out == "late: gone\n"
        with connect("waits") as other:
            found: list[object] = []
            waits = threading.Thread(target=lambda: found.append(other.wait_gone("first")))
            waits.start()
            node.shutdown()
            waits.join()
    assert len(found) == 1


def test_a_node_that_does_not_run_is_waited_for_if_there_is_a_limit(
    otpy: Run, nowhere: Path
) -> None:
    assert otpy("wait", "first").status == 3
    assert otpy("wait", "first", "--timeout", "0.05").status == 3
    waits = [waiting("first", "--timeout", "60")]
    file = nowhere / "waits.yaml"
    file.write_text(TREE)
    with running(file, nowhere):
        for process in waits:
            outcome = ended(process)
            assert outcome.err == ""
            assert ": ready, pid " in outcome.out
