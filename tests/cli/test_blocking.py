"""One command never blocks another (11.5): what waits here waits until the end of its test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy import connect
from otpy.cli.terminal import Terminal
from otpy.events import ChildStarting, ChildStopping
from tests.cli.commands import Run, running
from tests.support.processes import DEADLINE_S

COUNTER = "otpy.examples.counter:Counter"
W = "tests.support"

TREE = f"""
name: busy
max_restarts: infinity
children:
  - {{id: apart, start: "{COUNTER}"}}
  - id: starting
    children:
      - {{id: sibling, start: "{COUNTER}"}}
      - id: slow
        start: "{W}.ready_workers:said"
        args: [GATE]
        ready: notify
        shutdown: brutal_kill
  - id: stopping
    children:
      - id: stubborn
        command: [sh, -c, "trap '' TERM; echo up; while :; do sleep 100; done"]
        ready: {{log: up}}
        shutdown: infinity
  - id: others
    children:
      - {{id: b, start: "{COUNTER}"}}
      - {{id: hung, start: "{W}.stuck_workers:Stuck", args: [STUCK], shutdown: brutal_kill}}
  - id: frozen
    children: [{{id: c, start: "{COUNTER}"}}]
  - id: loop
    command: ["false"]
    backoff: {{initial: 10ms, max: 10ms}}
    max_restarts: infinity
    on_give_up: stay_down
"""


FLOOD = ["sh", "-c", f"while :; do echo {'x' * 500}; done"]


def background(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "otpy", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def tree(nowhere: Path) -> Iterator[Terminal]:
    (nowhere / "gate").touch()
    file = nowhere / "busy.yaml"
    text = TREE.replace("GATE", str(nowhere / "gate"))
    file.write_text(text.replace("STUCK", str(nowhere / "stuck")))
    with running(file, nowhere) as run:
        yield run


@pytest.mark.usefixtures("tree")
def test_what_waits_keeps_no_other_from_its_answer(otpy: Run, nowhere: Path) -> None:
    gate = nowhere / "gate"
    gate.unlink()
    with connect("busy") as node:
        frozen = node["frozen"].info().pid
        stubborn = node["stubborn"].info().pid
        assert frozen is not None
        assert stubborn is not None
        node.supervisor("others").start_child({"id": "flood", "command": FLOOD})
        events = node.events(follow=True)
        blocked = [
            background("restart", "slow"),
            background("restart", "stubborn"),
            background("call", "hung", "sleep", "--timeout", "infinity"),
        ]
        waited_for = {("starting/slow", ChildStarting), ("stopping/stubborn", ChildStopping)}
        for event in events:
            if getattr(event, "incarnation", 2) == 2 or isinstance(event, ChildStopping):
                waited_for.discard((event.path, type(event)))
            if not waited_for:
                break
    os.kill(frozen, signal.SIGSTOP)
    try:
        for words in QUICK:
            told = otpy(*words)
            assert (words, told.status, told.err) == (words, 0, "")
        assert [process.poll() for process in blocked] == [None] * len(blocked)
        assert otpy("kill", "slow").status == 0  # the way out of a start that takes too long
        _, err = blocked[0].communicate(timeout=DEADLINE_S)
        assert err.startswith("otpy: it failed to start: killed; it is stopped now; ")
        assert blocked[0].returncode == 1
    finally:
        os.kill(frozen, signal.SIGCONT)
        gate.touch()
        for process in blocked:
            process.kill()
            process.communicate()
        os.killpg(stubborn, signal.SIGKILL)  # else it never stops


QUICK = [
    ["status"],
    ["status", "b", "slow", "stubborn", "hung", "loop"],
    ["tree"],
    ["pid", "slow", "stubborn", "hung", "b"],
    ["restart", "b"],
    ["stop", "b"],
    ["start", "b"],
    ["restart", "apart"],
    ["call", "b", "increment", "1"],
    ["cast", "b", "increment", "1"],
    ["state", "b"],
    ["replace-state", "b", "count=7"],
    ["suspend", "b"],
    ["resume", "b"],
    ["stack", "hung"],
    ["garbage-collect", "b"],
    ["state", "sibling"],
    ["stack", "sibling"],
    ["call", "sibling", "increment", "1"],
    ["suspend", "sibling"],
    ["resume", "sibling"],
    ["kill", "sibling", "CONT"],
    ["wait", "sibling"],
    ["events", "--last", "5"],
    ["logs", "--last", "5"],
    ["why", "loop"],
    ["wait", "b"],
    ["kill", "b", "CONT"],
    ["start", "others", f'{{"id": "more", "start": "{COUNTER}"}}'],
    ["stop", "more"],
    ["delete", "more"],
]
