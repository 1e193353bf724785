"""1.6, 1.7: what a node and its processes have of whoever started it."""

import re
import signal
import sys

import pytest

from otpy.events import ChildEnded, ChildStarted
from otpy.system.spawn import fork_watched
from otpy.system.wait import reap
from tests.support.environment import ROOT
from tests.support.node import Nodes, NodeUnderTest

START = """
import os, signal, sys
folder, *command = sys.argv[1:]
os.chdir(folder)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD])
for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR2, signal.SIGQUIT):
    signal.signal(number, signal.SIG_IGN)
os.execv(command[0], command)
"""

PYTHONS_OWN = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1


def begin(nodes: Nodes, name: str, tree: str) -> NodeUnderTest:
    """Start a node from a directory of its own, by a program that blocks and ignores signals."""
    (nodes.work / "release").mkdir()
    path = nodes.write(tree)
    run = [sys.executable, "-m", "otpy", "run", str(path)]
    command = [sys.executable, "-c", START, str(nodes.work / "release"), *run]
    return nodes._start(name, command, env={"PYTHONPATH": str(ROOT)}).up()


def test_what_whoever_starts_a_node_had_ignored_or_blocked(nodes: Nodes) -> None:
    node = begin(
        nodes,
        "born",
        """
        name: born
        max_restarts: 10
        children:
          - {id: function, start: "tests.support.inheriting_workers:tells", args: [WORK/log]}
          - {id: program, command: [sh, -c, "grep Sig /proc/self/status; exec sleep 100000"]}
          - {id: branch, children: [{id: other, command: [sleep, "100000"]}]}
        """,
    )
    node.until(node.log, "what it was born with")
    assert node.log() == [["born", ["function"], "", 0, PYTHONS_OWN]]
    node.says(r"^program . SigBlk:\s0+$")
    node.says(r"^program . SigIgn:\s0+(1?80000000)?$")  # see `inheriting_workers`
    node.recover("function")
    # Its directory is removed, as when releases rotate.
    (nodes.work / "release").rmdir()
    for path in ("branch", "function", ""):
        node.kill(path)
        node.next(ChildEnded, path=path)
        node.next(ChildStarted, path=path)
    # nohup: a SIGHUP that was ignored stays ignored; SIGTERM that was blocked does not.
    node.send(signal.SIGHUP)
    assert node.client.supervisor().which_children()
    assert node.stop() == 0
    assert "SIGHUP" not in node.output


def test_whatever_ends_a_forked_process_prints_its_traceback(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fails() -> int:
        raise LookupError("this is why")

    ((pid, pidfd),) = fork_watched([fails])
    assert reap(pid).code == 1
    pidfd.close()
    assert re.search(
        r"(?s)Traceback .* in fails\n.*LookupError: this is why", capfd.readouterr().err
    )
