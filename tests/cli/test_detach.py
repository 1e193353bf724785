"""`otpy run --detach`: it returns when the tree is up, or says why it is not (11.2)."""

import json
import os
import pty
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from otpy.events import ChildStarting
from tests.support.node import Nodes, NodeUnderTest
from tests.support.operating import command, ended, facts
from tests.support.processes import await_end, is_alive

QUIET = """
name: quiet
children:
  - {id: a, command: [sleep, "1000"]}
  - {id: b, command: [sh, -c, "echo printed by b; echo and this >&2; exec sleep 1000"],
     log: inherit, ready: {log: never}}
"""
UP = QUIET.replace(", ready: {log: never}", "")
NEVER = """
name: never
children:
  - {id: a, command: [sleep, "1000"]}
  - {id: b, command: [sleep, "1000"], ready: notify}
"""


def shut_down(name: str) -> None:
    assert ended("-n", name, "shutdown").returncode == 0


def test_it_returns_when_the_tree_is_up(nodes: Nodes) -> None:
    file = nodes.write(UP)
    first = ended("run", "--detach", file)
    assert (first.returncode, first.stderr) == (0, "")
    pid = facts(nodes.place / "quiet")["pid"]
    assert first.stdout == f"quiet: up, pid {pid}\n"

    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert terminal_of(pid) == 0
    assert str(Path(f"/proc/{pid}/fd/0").readlink()) == "/dev/null"

    again = ended("run", "--detach", "--json", file)
    result = {"node": "quiet", "did": "nothing", "pid": pid, "guardian": None}
    assert json.loads(again.stdout) == {"ok": True, "result": result}
    assert again.returncode == 0

    other = ended("run", "--detach", nodes.write(UP, "other.yaml"))
    assert (other.returncode, other.stdout) == (1, "")
    assert "node 'quiet' is already running" in other.stderr
    assert other.stderr.count("\n") == 1

    shut_down("quiet")
    nodes.gone()
    logged = ended("-n", "quiet", "logs", "@node").stdout
    assert "@node.1 log INFO otpy | quiet is up" in logged
    assert "@node.1 out | printed by b" in logged
    assert "@node.1 err | and this" in logged


def terminal_of(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat[stat.rindex(")") + 2 :].split()[4])


HEARTLESS_OR_NOT = pytest.mark.parametrize("options", [(), ("--heart",)], ids=["plain", "heart"])


@HEARTLESS_OR_NOT
def test_two_at_the_same_moment_start_one_node(nodes: Nodes, options: tuple[str, ...]) -> None:
    file = nodes.write(UP)
    both = [
        subprocess.Popen(
            command("run", "--detach", *options, file),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [each.communicate() for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    pid = facts(nodes.place / "quiet")["pid"]
    assert all(f", pid {pid}" in out for out, _ in said), said
    shut_down("quiet")
    nodes.gone()


def test_it_says_why_the_tree_is_not_up(nodes: Nodes) -> None:
    tree = "{id: b, command: [sh, -c, 'echo oh no; exit 3'], ready: notify}"
    file = nodes.write(f"name: failing\nchildren:\n  - {tree}\n")
    failed = ended("run", "--detach", file)
    assert failed.returncode == 1
    why = "failing could not start: child 'b' failed to start: exit: 3"
    assert failed.stderr == f"otpy: {why}\n"
    assert "b.1 out | oh no" in failed.stdout
    nodes.gone()

    as_json = ended("run", "--detach", "--json", file)
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["error"]["message"] == why
    nodes.gone()


def test_a_wrong_file_starts_nothing(nodes: Nodes) -> None:
    file = nodes.write("name: wrong\nchildren: [{id: a, cmd: x}]\n")
    wrong = ended("run", "--detach", "--heart", file)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert f"{file}:2:" in wrong.stderr
    assert list(nodes.place.iterdir()) == []


def starting(nodes: Nodes, *options: str) -> NodeUnderTest:
    """Start a tree that is never up; return the command that waits, once its child runs."""
    file = nodes.write(NEVER)
    waiting = nodes.start_by("never", command("run", "--detach", *options, file))
    waiting.next(ChildStarting, path="b")
    return waiting


@HEARTLESS_OR_NOT
def test_a_node_that_is_killed_while_it_starts(nodes: Nodes, options: tuple[str, ...]) -> None:
    waiting = starting(nodes, *options)
    os.kill(facts(waiting.folder)["pid"], signal.SIGKILL)
    assert waiting.wait() == 1
    assert waiting.errors == "otpy: node 'never' was ended by SIGKILL\n"
    nodes.gone()
    for left in ("node.json", "control.sock", "heart.json"):
        (waiting.folder / left).unlink(missing_ok=True)  # the next run does that


@HEARTLESS_OR_NOT
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_command_that_waits_is_that_of_the_node(
    nodes: Nodes, number: int, options: tuple[str, ...]
) -> None:
    waiting = starting(nodes, *options)
    waiting.send(number)
    status = waiting.wait()
    nodes.gone()
    assert status == (130 if number == signal.SIGINT else -number)
    (waiting.folder / "heart.json").unlink(missing_ok=True)


def test_a_tree_that_is_not_up_in_time_is_stopped(nodes: Nodes) -> None:
    late = ended("run", "--detach", "--timeout", "0.3", nodes.write(NEVER))
    assert late.returncode == 4
    assert late.stderr.endswith("otpy: never was not up within 0.3 s: stopped\n")
    nodes.gone()


def test_it_outlives_its_terminal(nodes: Nodes) -> None:
    """The session's leader ends, and the terminal hangs up."""
    line = shlex.join(command("run", "--detach", nodes.write(UP)))
    pid, master = pty.fork()
    if pid == 0:
        os.execv("/bin/sh", ["sh", "-c", f"{line}; read _"])
    shown = b""
    while b"up, pid" not in shown:
        shown += os.read(master, 1 << 12)
    os.close(master)
    assert await_end(pid)
    os.waitpid(pid, 0)
    node: Any = facts(nodes.place / "quiet")["pid"]
    assert is_alive(node)
    shut_down("quiet")
    nodes.gone()


def test_a_timeout_is_for_what_waits(nodes: Nodes) -> None:
    wrong = ended("run", "--timeout", "3", nodes.write(UP))
    assert wrong.returncode == 2
    assert "--timeout goes with --detach" in wrong.stderr
