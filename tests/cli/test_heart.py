"""`otpy run --heart`: a node that was killed or that failed is started again (11.2)."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from otpy.config import load
from otpy.events import NodeRestarted, NodeStarted, NodeStopping
from otpy.runtime.node import heart
from otpy.system.guardians import guardian_of
from otpy.system.memory import memory_of
from otpy.system.nodedir import NodeDir
from tests.support.node import Nodes, NodeUnderTest
from tests.support.operating import command, ended, facts
from tests.support.processes import await_end, is_alive

TREE = """
name: hearty
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - id: below
    children:
      - {id: deaf, start: "tests.support.workers:Remote", args: [WORK/log, [], sleep_in_c],
         shutdown: 300ms}
      - {id: program, command: [sh, -c, "trap '' TERM; while :; do sleep 1000; done"],
         shutdown: 300ms}
"""
MOST_MEMORY = 600 << 10
"""Bytes of a guardian; an interpreter of Python has ten times as many."""


def guarded(nodes: Nodes, tree: str = TREE, name: str = "hearty") -> NodeUnderTest:
    """Start a node under a guardian, which is the process of the test's node.

    What `otpy run --heart` does before it becomes the guardian is done here, to save its time.
    """
    config = load(nodes.write(tree), check_imports=False)
    return nodes.start_by(name, heart.heart_command(config))


def node_pid(node: NodeUnderTest) -> int:
    pid: int = facts(node.folder)["pid"]
    return pid


def test_a_killed_node_is_started_again_once_all_of_it_is_gone(nodes: Nodes) -> None:
    guardian = guarded(nodes).up()
    old = [node_pid(guardian), *guardian.pids().values()]
    assert 0 < memory_of([guardian.pid], 0) < MOST_MEMORY

    os.kill(old[0], signal.SIGKILL)
    again = guardian.next(NodeRestarted)
    assert (again.restarts, again.reason) == (1, "ended by SIGKILL")
    # It was published before anything of the new tree was started.
    assert [pid for pid in old if is_alive(pid)] == []
    guardian.next(NodeStarted)
    assert guardian.complains("otpy: hearty: ended by SIGKILL; starting it again$")

    os.kill(node_pid(guardian), signal.SIGTERM)  # in order: that is final
    assert guardian.wait() == 0
    entries = [[what, path] for what, path, *_ in guardian.log() if path == "a"]
    assert entries == [["init", "a"], ["terminate", "a"]] * 2
    logged = ended("-n", "hearty", "logs", "@node").stdout
    assert "@node.1 log WARNING otpy | ended by SIGKILL; starting it again" in logged
    assert "hearty was started again (once so far): the run before ended by SIGKILL" in logged


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_guardian_stops_the_node_in_order(nodes: Nodes, number: int) -> None:
    guardian = guarded(nodes).up()
    guardian.send(number)
    assert guardian.wait() == 0
    guardian.next(NodeStopping, why=f"{signal.Signals(number).name} received")
    nodes.gone()


def test_a_shutdown_ends_both(nodes: Nodes) -> None:
    run = command("run", "--heart", nodes.write(TREE))
    guardian = nodes.start_by("hearty", run).up()
    assert ended("shutdown").returncode == 0
    assert not is_alive(guardian.pid)
    assert guardian.wait() == 0


def test_the_end_of_the_guardian_stops_the_node_in_order(nodes: Nodes) -> None:
    guardian = guarded(nodes).up()
    pid = node_pid(guardian)
    guardian.send(signal.SIGKILL)
    assert guardian.wait() == -signal.SIGKILL
    assert await_end(pid)
    nodes.gone()
    assert guardian.seen(NodeStopping)[0].why == "its guardian has ended"


FAILS_ONCE = """
name: fickle
max_restarts: 0
children:
  - id: a
    command: [sh, -c, "read _ <WORK/fifo; exit 1"]
"""


def test_a_node_that_gave_up_is_started_again(nodes: Nodes) -> None:
    os.mkfifo(nodes.work / "fifo")
    guardian = guarded(nodes, FAILS_ONCE, "fickle").up()
    (nodes.work / "fifo").write_text("go\n")
    assert guardian.next(NodeRestarted).reason == "ended with status 1"
    guardian.next(NodeStarted)
    guardian.send(signal.SIGTERM)
    assert guardian.wait() == 0


def test_the_end_of_a_significant_child_is_final(nodes: Nodes) -> None:
    os.mkfifo(nodes.work / "fifo")
    tree = FAILS_ONCE.replace("max_restarts: 0", "auto_shutdown: any_significant") + (
        "    restart: temporary\n    significant: true\n"
    )
    guardian = guarded(nodes, tree, "fickle").up()
    (nodes.work / "fifo").write_text("go\n")
    assert guardian.wait() == 1
    assert guardian.seen(NodeRestarted) == []
    nodes.gone()


def test_a_node_that_never_was_up_is_not_started_again(nodes: Nodes) -> None:
    tree = "name: early\nchildren: [{id: a, command: [sh, -c, exit 3], ready: notify}]\n"
    guardian = guarded(nodes, tree, "early")
    assert guardian.wait() == 1
    assert guardian.errors.endswith("child 'a' failed to start: exit: 3\n")
    nodes.gone()
    (guardian.folder / "heart.json").unlink()


def test_a_file_that_is_wrong_by_now_is_read_again_later(nodes: Nodes) -> None:
    """SIGHUP ends the wait; a shutdown ends the guardian also while no node runs."""
    guardian = guarded(nodes).up()
    file = nodes.work / "tree.yaml"
    right = file.read_text()
    file.write_text("name: hearty\nchildren: [\n")
    os.kill(node_pid(guardian), signal.SIGKILL)
    guardian.complains("otpy: hearty: ended with status 2; starting it again in 1 s$")
    logged = ended("-n", "hearty", "logs", "@node").stdout
    assert f"@node.1 log ERROR otpy | {file}:" in logged

    file.write_text(right)
    guardian.send(signal.SIGHUP)
    assert guardian.next(NodeRestarted).reason == "ended with status 2"
    guardian.next(NodeStarted)

    os.kill(node_pid(guardian), signal.SIGKILL)
    guardian.complains("ended by SIGKILL; starting it again in [0-9]+ s$")
    second = ended("run", nodes.write(TREE, "second.yaml"))
    assert second.returncode == 1
    assert "is already running" in second.stderr
    assert ended("-n", "hearty", "shutdown").returncode == 0
    guardian.wait()
    nodes.gone()
    (guardian.folder / "heart.json").unlink(missing_ok=True)
    for left in ("node.json", "control.sock"):
        (guardian.folder / left).unlink(missing_ok=True)  # the next run does that


def test_a_node_is_started_again_with_the_file_of_its_last_reload(nodes: Nodes) -> None:
    guardian = guarded(nodes).up()
    other = nodes.write("name: hearty\nchildren: [{id: z, command: [sleep, '1000']}]\n", "z.yaml")
    reloaded = ended("reload", other)
    assert reloaded.returncode == 0, reloaded.stderr
    os.kill(node_pid(guardian), signal.SIGKILL)
    guardian.next(NodeRestarted)
    guardian.next(NodeStarted)
    assert {path for path in guardian.pids() if path.isalpha()} == {"z"}
    guardian.send(signal.SIGTERM)
    assert guardian.wait() == 0


def test_two_nodes_without_a_terminal(nodes: Nodes) -> None:
    files = {
        name: nodes.write(TREE.replace("hearty", name), f"{name}.yaml") for name in ("one", "two")
    }
    for name, file in files.items():
        up = ended("run", "--detach", "--heart", "--json", file)
        assert up.returncode == 0, up.stderr
        result = json.loads(up.stdout)["result"]
        assert result["guardian"] == os.getsid(result["pid"])
        for number in (1, 2):
            assert str(Path(f"/proc/{result['guardian']}/fd/{number}").readlink()) == "/dev/null"
        assert result["node"] == name
    os.kill(facts(nodes.place / "one")["pid"], signal.SIGKILL)
    rows = json.loads(ended("-n", "two", "status", "--json").stdout)["result"]
    (row,) = (row for row in rows if row["path"] == "@heart")
    assert (row["kind"], row["restarts"], row["processes"]) == ("guardian", 0, 1)
    assert 0 < row["memory"] < MOST_MEMORY
    assert ended("-n", "two", "status", "@heart").stdout.split()[:2] == ["name", "@heart"]
    for name in files:
        ended("-n", name, "wait", "--timeout", "60", "root")
        assert ended("-n", name, "shutdown").returncode == 0
    nodes.gone()


def test_a_pid_that_is_another_process_by_now_is_no_guardian(nodes: Nodes) -> None:
    folder = nodes.place / "late"
    folder.mkdir(mode=0o700)
    other = json.dumps({"pid": os.getpid(), "start_ticks": 1})
    for text in (other, "{", "[]", '{"pid":"x"}'):
        (folder / "heart.json").write_text(text)
        assert guardian_of(NodeDir("late")) is None
    (folder / "heart.json").unlink()


def test_a_guardian_whose_program_has_vanished_says_so_and_ends(nodes: Nodes) -> None:
    log = nodes.work / "node.log"
    program = nodes.work / "program"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.kill(int(sys.argv[1]), 10)\n"
        f"os.remove({str(program)!r})\nos.abort()\n"
    )
    program.chmod(0o700)
    script = Path(heart.__file__).with_name("heart.sh")
    guardian = nodes.start_by("lost", ["/bin/sh", str(script), str(log), "lost", "-", str(program)])
    guardian.complains("otpy: lost: ended with status 127; starting it again in 1 s$")
    assert "| ended with status 127; starting it again in 1 s" in log.read_text()
    guardian.send(signal.SIGTERM)
    assert guardian.wait() == 0
