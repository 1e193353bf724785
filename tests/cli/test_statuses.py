"""The exit status of every command in every situation, and what it says of it (11.4, 11.5)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from otpy import connect
from otpy.cli.terminal import Terminal
from otpy.events import ChildStopping
from tests.cli.commands import Outcome, Run, running
from tests.support.processes import DEADLINE_S

COUNTER = "otpy.examples.counter:Counter"
EVIL = "e\x1b[2Jvil\n"

TREE = f"""
name: t
children:
  - {{id: counter, start: "{COUNTER}"}}
  - {{id: temporary, start: "{COUNTER}", restart: temporary}}
  - id: pool
    children:
      - {{id: one, start: "{COUNTER}"}}
      - {{id: two, start: "{COUNTER}"}}
  - id: stubborn
    command: [sh, -c, "trap : TERM; echo up; while :; do sleep 100; done"]
    ready: {{log: up}}
    shutdown: infinity
  - id: flag
    command: [sh, -c, "test ! -e GATE || exit 3; echo up; exec sleep 1000"]
    ready: {{log: up}}
"""

ABOUT_NAMES = [
    *("status", "pid", "why", "events", "logs", "call", "cast", "state", "replace-state"),
    *("suspend", "resume", "garbage-collect", "trace", "stack", "kill", "terminate", "stop"),
    *("start", "restart", "delete", "wait"),
]
ABOUT_A_NODE = ["tree", "top", "plan", "reload", "scale", "shutdown", *ABOUT_NAMES]
MORE = {"call": ["x"], "cast": ["x"], "replace-state": ["x=1"], "top": ["--once"], "scale": ["x=2"]}
"""What a command needs beside a name."""


def words_of(command: str, *names: str) -> list[str]:
    return [command, *(names if command in ABOUT_NAMES else ()), *MORE.get(command, ())]


@pytest.fixture
def node(nowhere: Path) -> Iterator[Terminal]:
    file = nowhere / "t.yaml"
    file.write_text(TREE.replace("GATE", str(nowhere / "gate")))
    with running(file, nowhere) as run:
        try:
            yield run
        finally:
            with suppress(psutil.NoSuchProcess):
                for process in run.node.children(recursive=True):
                    if "trap : TERM; echo up; while :; do sleep 100; done" in process.cmdline():
                        os.killpg(process.pid, signal.SIGKILL)  # else it never stops


def background(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "otpy", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", ABOUT_A_NODE)
def test_no_node(otpy: Run, command: str) -> None:
    words = words_of(command, "x")
    told = otpy(*words)
    assert (told.status, told.complaint != "") == (3, True)
    failed = otpy(*words, "--json")
    assert (failed.status, failed.error["kind"]) == (3, "NodeNotFound")
    assert failed.error["message"] in told.complaint


def check_unknown_names(otpy: Run) -> None:
    for command in ABOUT_NAMES:
        if command == "logs":
            continue  # it knows who has logged only
        told = otpy(*words_of(command, "countr"))
        assert (command, told.status) == (command, 3)
        assert "did you mean 'counter'?" in told.complaint
        failed = otpy(*words_of(command, "countr"), "--json")
        assert (failed.status, failed.error["kind"]) == (3, "NoProcess")
        assert "did you mean 'counter'?" in (failed.error["hint"] or "")


def check_what_is_so_already(otpy: Run) -> None:
    """Each command twice: the second time it is so already."""
    for words, said in ALREADY:
        told = otpy(*words)
        assert (words, told.status, told.err) == (words, 0, "")
        assert said in told.out, words


ALREADY = [
    (["start", "counter"], "counter: is running already, pid "),
    (["suspend", "counter"], "counter: suspended\n"),
    (["suspend", "counter"], "counter: is suspended already\n"),
    (["resume", "counter"], "counter: resumed\n"),
    (["resume", "counter"], "counter: is not suspended\n"),
    (["stop", "counter"], "counter: stopped\n"),
    (["stop", "counter"], "counter: is stopped already\n"),
    (["terminate", "counter"], "counter: is stopped already\n"),
    (["status", "counter"], "stopped"),
    (["wait", "counter", "--gone"], "counter: gone\n"),
    (["restart", "counter"], "counter: started, pid "),
    (["restart", "counter"], "counter: restarted, pid "),
    (["stop", "temporary"], "temporary: stopped\n"),
    (["stop", "temporary"], "temporary: is gone already\n"),
    (["delete", "temporary"], "temporary: is gone already\n"),
    (["stop", "one", "pool/one", "one"], "pool/one: stopped\n"),
    (["delete", "one"], "pool/one: deleted\n"),
    (["delete", "one"], "one: is gone already\n"),
    (["start", "--all"], ""),
    (["start", "pool", f'{{"id": "one", "start": "{COUNTER}"}}'], "pool/one: started, pid "),
]


def check_several_names(otpy: Run) -> None:
    otpy("stop", "two")
    told = otpy("pid", "one", "two", "counter", "nobody")
    assert told.status == 3
    assert len(told.out.splitlines()) == 2
    first, second = told.err.splitlines()
    assert first.startswith("otpy: pool/two: pool/two has no process now, it is stopped; see ")
    assert second.startswith("otpy: no child 'nobody' in the tree; ")
    failed = otpy("pid", "one", "two", "nobody", "--json")
    assert failed.status == 3
    found = json.loads(failed.out)
    assert found["error"]["kind"] == "NoProcess"
    assert [(each["name"], each["ok"]) for each in found["result"]] == [
        ("pool/one", True),
        ("pool/two", False),
        ("nobody", False),
    ]
    assert found["result"][1]["error"]["kind"] == "not_running"
    assert otpy("restart", "pool/*").out.count("started, pid ") == 2
    assert otpy("kill", "one", "FOO").status == 2
    assert otpy("pid", "one", "--all").status == 2
    assert otpy("pid", EVIL, "x").err.count("\n") == 2
    assert "\x1b" not in otpy("pid", EVIL).err
    assert json.loads(otpy("pid", EVIL, "--json").out)["result"][0]["name"] == EVIL


def check_a_failed_start(otpy: Run, gate: Path) -> None:
    gate.touch()
    told = otpy("restart", "flag", "one")
    assert told.status == 1
    assert told.out.startswith("pool/one: restarted, pid ")
    assert told.err.startswith("otpy: flag: it failed to start: ")
    assert "; it is stopped now; `otpy why flag` shows more" in told.err
    assert otpy("status", "flag", "--json").one["state"] == "stopped"
    gate.unlink()
    assert otpy("start", "flag").status == 0


def check_what_is_late(otpy: Run) -> None:
    with connect("t") as node:
        gateway, stubborn = node["@gateway"].info().pid, node["stubborn"].info().pid
    assert gateway is not None
    assert stubborn is not None
    late = otpy("restart", "stubborn", "one", "--timeout", "300ms")
    assert late.status == 4
    assert late.out.startswith("pool/one: restarted, pid ")
    assert late.err.startswith("otpy: 'stubborn': not restarted within 0.3 s; it goes on; ")
    os.killpg(stubborn, signal.SIGKILL)
    assert otpy("wait", "stubborn").out != f"stubborn: ready, pid {stubborn}\n"
    os.kill(gateway, signal.SIGSTOP)
    try:
        for command in ABOUT_A_NODE:
            if command == "logs":
                continue  # it asks no node
            told = otpy(*words_of(command, "counter"), "--timeout", "10ms")
            assert (command, told.status, told.complaint != "") == (command, 4, True)
            failed = otpy(*words_of(command, "counter"), "--timeout", "10ms", "--json")
            assert (command, failed.error["kind"]) == (command, "CallTimeout")
    finally:
        os.kill(gateway, signal.SIGCONT)


def test_of_a_node(otpy: Run, node: Terminal, nowhere: Path) -> None:
    check_unknown_names(otpy)
    check_what_is_so_already(otpy)
    check_several_names(otpy)
    check_a_failed_start(otpy, nowhere / "gate")
    check_what_is_late(otpy)
    check_an_interrupt(otpy)
    check_a_node_that_dies(otpy, node)


@contextmanager
def stopping_for_ever(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a command in the background that waits for the end of `stubborn`, which does not come."""
    with connect("t") as node:
        seen = max(event.seq for event in node.events())
        pid = node["stubborn"].info().pid
        assert pid is not None
        process = background(*words)
        for event in node.events(follow=True, after=seen):
            if isinstance(event, ChildStopping) and event.path == "stubborn":
                break
    try:
        yield process
    finally:
        os.killpg(pid, signal.SIGKILL)


def ended(process: "subprocess.Popen[str]") -> Outcome:
    out, err = process.communicate(timeout=DEADLINE_S)
    return Outcome(process.returncode, out, err)


def check_an_interrupt(otpy: Run) -> None:
    for words in (["stop", "one", "stubborn", "two"], ["restart", "one", "stubborn", "two"]):
        with stopping_for_ever(*words, "--json") as process:
            process.send_signal(signal.SIGINT)
            told = ended(process)
        assert (told.status, told.error["kind"]) == (130, "interrupted")
        found = json.loads(told.out)["result"]
        assert [(each["name"], each["ok"]) for each in found] == [
            ("pool/one", True),
            ("stubborn", False),
        ]
        # A stop goes on as it was asked for, and so does a restart.
        otpy("wait", "stubborn", "--gone" if words[0] == "stop" else "--ready")
        assert otpy("start", "one", "stubborn").status == 0


def check_a_node_that_dies(otpy: Run, node: Terminal) -> None:
    node.note_descendants()
    with stopping_for_ever("restart", "one", "stubborn", "two", "counter", "--json") as process:
        node.node.kill()
        told = ended(process)
    psutil.wait_procs(node.processes - {node.node}, timeout=DEADLINE_S)
    assert told.status == 3
    found = json.loads(told.out)["result"]
    assert [each["ok"] for each in found] == [True, False, False, False]
    assert {each["error"]["kind"] for each in found[2:]} == {"NodeNotFound"}
