"""A node from the fork server is as one that Python was started for."""

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import descriptors, stat_of

TREE = "children: [{id: plain, start: 'tests.support.lean_workers:Plain'}]"
STATUS = ("SigBlk", "SigIgn", "SigCgt", "Umask", "Threads", "NoNewPrivs")


def described(node: NodeUnderTest) -> dict[str, Any]:
    own = Path(f"/proc/{node.pid}")
    status = dict(line.split(":", 1) for line in (own / "status").read_text().splitlines())
    stat = stat_of(node.pid)
    assert stat is not None
    return {
        "status": {name: status[name].strip() for name in STATUS},
        "limits": (own / "limits").read_text(),
        "cwd": (own / "cwd").readlink(),
        "title": (own / "cmdline").read_bytes().rstrip(b"\0").removesuffix(node.name.encode()),
        "parent, group, session": stat[1:4],
        "descriptors": {
            number: re.sub(r"\d+", "N", what.replace(node.name, "NODE"))
            for number, what in descriptors(node.pid).items()
        },
        "interpreter": node.call("plain", "interpreter"),
    }


def test_it_is_the_same(nodes: Nodes) -> None:
    forked = nodes.run(f"name: forked\n{TREE}")
    fresh = nodes.run(f"name: fresh\n{TREE}", fresh=True)
    ours, theirs = described(forked), described(fresh)
    assert ours == theirs
    assert ours["parent, group, session"][0] == str(os.getpid())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_status_is_that_of_a_child(nodes: Nodes, number: signal.Signals) -> None:
    node = nodes.run(TREE)
    assert node.process.poll() is None
    node.send(number)
    assert node.wait() == (0 if number == signal.SIGTERM else -number)
    assert node.process.poll() == node.process.wait() == node.process.returncode
    node.send(number)  # to no process that has its pid by now
    nodes.gone()


def test_a_variable_that_python_reads_when_it_starts_takes_effect(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUTF8", "1")
    assert nodes.run(TREE).call("plain", "interpreter")["utf8"] == 1
