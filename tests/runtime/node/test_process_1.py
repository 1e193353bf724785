"""A node as process 1 of a pid namespace, as in a container (11.2)."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otpy.events import ChildStarted, NodeStopped
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S, descendants, is_alive, stat_of

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a pid namespace"),
    pytest.mark.skipif(
        not (shutil.which("unshare") and shutil.which("nsenter")), reason="needs util-linux"
    ),
]

TREE = """
    name: init
    max_restarts: 100
    children:
      - {id: server, start: "tests.support.workers:Remote", args: [WORK/log]}
      - id: s
        children:
          - {id: program, command: [sleep, "100000"]}
    """


def run_as_process_1(nodes: Nodes, tree: str, *options: str) -> NodeUnderTest:
    file = nodes.write(tree)
    command = ["unshare", "--pid", "--fork", "--mount-proc", *options]
    run = [sys.executable, "-m", "otpy", "run", str(file)]
    return nodes.start_by("init", [*command, *run])


def process_1(node: NodeUnderTest) -> int:
    """Return the pid, outside, of what is process 1 inside."""
    below = descendants(node.pid)
    return next(pid for pid in below if (stat_of(pid) or "??")[1] == str(node.pid))


def inside(first: int, script: str) -> str:
    """Run a script in the name space of a node, as `docker exec` does; return what it printed."""
    command = ["nsenter", "--target", str(first), "--pid", "--mount", "sh", "-c", script]
    return subprocess.run(
        command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True
    ).stdout


def orphan(first: int) -> int:
    """Leave a process to process 1; return its pid outside."""
    before = set(children_of(first))
    inside(first, "setsid sleep 100000 >/dev/null 2>&1 </dev/null & exec true")
    (new,) = set(children_of(first)) - before
    return new


def children_of(parent: int) -> list[int]:
    return [pid for pid in descendants(parent) if (stat_of(pid) or "??")[1] == str(parent)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_it_stops_in_order(nodes: Nodes, number: int) -> None:
    """The kernel drops signals that process 1 does not handle."""
    node = run_as_process_1(nodes, TREE).up()
    os.kill(process_1(node), number)
    assert node.wait() == 0
    node.next(NodeStopped, reason="in order")
    nodes.gone()


def test_it_leaves_processes_of_others_alone_and_reaps_them(nodes: Nodes) -> None:
    node = run_as_process_1(nodes, TREE).up()
    first = process_1(node)
    adopted = [orphan(first), orphan(first)]
    # What dies here is looked after: whatever it has left behind is ended.
    for path in ("@logger", "@gateway", ""):
        restarted = node.seen(ChildStarted, path=path)[-1].incarnation
        os.kill(outside(first, node.pids()[path]), signal.SIGKILL)
        node.next(ChildStarted, path=path, incarnation=restarted + 1)
    assert all(map(is_alive, adopted))
    pidfd = os.pidfd_open(adopted[0])
    try:
        os.kill(adopted[0], signal.SIGKILL)
        ended = select.poll()
        ended.register(pidfd, select.POLLIN)
        assert ended.poll(DEADLINE_S * 1000)
    finally:
        os.close(pidfd)
    # Later than that one, and reaped in the same way.
    os.kill(outside(first, node.pids()["@logger"]), signal.SIGKILL)
    node.next(ChildStarted, path="@logger")
    assert stat_of(adopted[0]) is None
    os.kill(first, signal.SIGTERM)
    assert node.wait() == 0
    nodes.gone()


def outside(first: int, pid: int) -> int:
    """Return the pid here of a process that has `pid` there."""
    for each in descendants(first):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
            if re.search(rf"^NSpid:.*\s{pid}$", status, re.MULTILINE):
                return each
    raise AssertionError(pid)


def test_all_dies_with_it(nodes: Nodes) -> None:
    node = run_as_process_1(nodes, TREE).up()
    os.kill(process_1(node), signal.SIGKILL)
    assert node.wait() != 0
    nodes.gone()
    shutil.rmtree(node.folder)  # nobody was left to tidy up


def test_all_dies_with_what_has_made_the_container(nodes: Nodes) -> None:
    node = run_as_process_1(nodes, TREE, "--kill-child").up()
    node.send(signal.SIGKILL)
    assert node.wait() == -signal.SIGKILL
    nodes.gone()


@pytest.mark.parametrize(("end", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 0", 0)])
def test_the_container_ends_with_the_status_of_the_essential_child(
    nodes: Nodes, end: str, status: int
) -> None:
    tree = f"""
        name: init
        children:
          - {{id: side, command: [sleep, "100000"]}}
          - {{id: app, command: [sh, -c, "{end}"], essential: true}}
        """
    node = run_as_process_1(nodes, tree, "--kill-child")
    assert node.wait() == status
    nodes.gone()
