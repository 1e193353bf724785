"""kill -9 of the node: nothing survives it, and the next run needs no clean-up."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from otpy.events import ChildStarted
from otpy.system.cgroup import own_group
from tests.support.node import Nodes
from tests.support.orphaning_workers import WAYS
from tests.support.processes import is_alive

STUBBORN = """
name: stubborn
children:
  - {id: free, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: stuck, start: "tests.support.workers:Remote", args: [WORK/log], shutdown: 300ms}
  - id: below
    children:
      - {id: deaf, start: "tests.support.workers:Remote", args: [WORK/log, [], sleep_in_c],
         shutdown: 300ms}
      - {id: program, command: [sh, -c, "trap '' TERM; while :; do sleep 1000; done"],
         shutdown: 300ms}
"""

GRANDCHILDREN = ("plain", "setsid", "daemon", "stubborn", "command")


def test_no_process_survives_a_killed_node(nodes: Nodes) -> None:
    node = nodes.run(STUBBORN)
    left_behind = [node.call(who, "fork", how) for who in ("free", "deaf") for how in GRANDCHILDREN]
    for who in ("stuck", "deaf"):
        node.call(who, "ignore_signals")
        node.client[who].cast("hang_later", "c")
        node.logged("hangs", {"stuck": "stuck", "deaf": "below/deaf"}[who])

    node.send(signal.SIGKILL)
    nodes.gone()
    assert [pid for pid in left_behind if is_alive(pid)] == []
    assert node.wait() == -signal.SIGKILL

    again = nodes.run(STUBBORN)
    assert again.call("free", "increment") == 1
    assert again.errors == ""


def test_the_tree_of_a_killed_node_stops_in_order(nodes: Nodes) -> None:
    node = nodes.run(STUBBORN)
    node.send(signal.SIGKILL)
    nodes.gone()
    assert [entry for entry in node.log() if entry[0] == "terminate"] == [
        ["terminate", "below/deaf", 1, "shutdown"],
        ["terminate", "stuck", 1, "shutdown"],
        ["terminate", "free", 1, "shutdown"],
    ]


def test_a_run_that_comes_while_the_old_tree_stops_waits_for_it(nodes: Nodes) -> None:
    tree = """
        name: slow
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log, [], fifo],
             shutdown: infinity}
        """
    os.mkfifo(nodes.work / "log.fifo")
    node = nodes.run(tree)
    node.send(signal.SIGKILL)
    node.wait()
    again = nodes.start(tree.replace("fifo", "note"))
    again.complains("waiting for what is left of the last node")
    (nodes.work / "log.fifo").write_bytes(b"go on")
    again.up()
    assert again.log() == [
        ["init", "a", 1, "ok"],
        ["terminate", "a", 1, "shutdown"],
        ["init", "a", 1, "ok"],
    ]


@pytest.mark.parametrize("also", ["root", "gateway", "root and below"])
def test_node_and_others_killed_at_the_same_moment(nodes: Nodes, also: str) -> None:
    node = nodes.run(STUBBORN)
    left_behind = [node.call(who, "fork", how) for who in ("free", "deaf") for how in GRANDCHILDREN]
    node.call("stuck", "ignore_signals")
    paths = {"root": [""], "gateway": ["@gateway"], "root and below": ["", "below"]}[also]
    victims = [node.pid, *(node.pids()[path] for path in paths)]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in victims:
            os.kill(pid, number)
    node.wait()

    again = nodes.run(STUBBORN)
    assert again.seen(ChildStarted, path="below")[0].incarnation == 1
    assert [pid for pid in left_behind if is_alive(pid)] == []


def test_what_outlives_all_supervisors_is_ended_by_the_next_run(nodes: Nodes) -> None:
    """Forked or exec'ed, with all descriptors closed, without variables or a title of its own."""
    above = own_group()
    has_group = above is not None and os.access(above, os.W_OK)
    # Without a group, what was started without a mark is not found.
    ways = [way for way in WAYS if has_group or way != "no environment"]
    holder = f'"tests.support.orphaning_workers:Holder", args: [WORK/log, {json.dumps(ways)}]'
    tree = f"""
        name: survivors
        children:
          - {{id: a, start: {holder}}}
          - id: below
            children:
              - {{id: a, start: {holder}}}
              - id: program
                command: [sh, -c, "(setsid sh -c 'exec >WORK/pid 2>&1; echo $$; exec sleep 1000' &);
                  exec sleep 1000"]
        """
    node = nodes.run(tree)
    node.until(lambda: (nodes.work / "pid").exists() and (nodes.work / "pid").read_text(), "it")
    left = [pid for entry in node.log() if entry[0] == "holds" for pid in entry[3:]]
    left.append(int((nodes.work / "pid").read_text()))
    group = Path(f"{above}/otpy-survivors-{node.pid}")
    assert group.exists() == has_group
    victims = [node.pid, *(node.pids()[path] for path in ("@gateway", "@logger", "", "below"))]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in victims:
            os.kill(pid, number)
    node.wait()
    assert all(is_alive(pid) for pid in left)
    if not has_group:
        shutil.rmtree(node.folder)  # the mark alone tells

    again = nodes.run(tree)
    assert [pid for pid in left if is_alive(pid)] == []
    assert [entry for entry in again.log() if entry[0] == "overlaps"] == []
    assert not group.exists()
    assert again.stop() == 0
    assert not Path(f"{above}/otpy-survivors-{again.pid}").exists()
