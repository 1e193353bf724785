"""A node under a service manager: what it says, and its children do not (11.2)."""

import os
import signal
import time
from pathlib import Path

import pytest

from otpy.events import ChildFailed, NodeStarted
from tests.support.node import Nodes, NodeUnderTest
from tests.support.operating import command, ended
from tests.support.service_manager import ServiceManager

TREE = """
name: served
children:
  - id: a
    command: [sh, -c, "env >WORK/env; exec sleep 1000"]
    ready: {exec: [test, -e, WORK/env]}
  - {id: b, command: [sh, -c, "read _ <WORK/fifo; exit 1"], max_restarts: 0, on_give_up: stay_down}
"""


def served(nodes: Nodes, manager: ServiceManager, *words: str) -> NodeUnderTest:
    os.mkfifo(nodes.work / "fifo")
    run = command("run", *words, nodes.write(TREE))
    return nodes.start_by("served", run, env=manager.environment)


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_what_a_node_says(nodes: Nodes, *, is_abstract: bool) -> None:
    with ServiceManager(is_abstract=is_abstract) as manager:
        node = served(nodes, manager)
        manager.until("READY", "1")
        node.next(NodeStarted)
        assert manager.said == {"READY": "1", "STATUS": "2 of 2 ready"}
        assert manager.messages[0] == {"STATUS": "0 of 2 ready"}
        assert "NOTIFY_SOCKET" not in (nodes.work / "env").read_text()

        (nodes.work / "fifo").write_text("go\n")
        node.next(ChildFailed)
        manager.until("STATUS", "1 of 2 ready, 1 failed")
        node.send(signal.SIGTERM)
        manager.until("STATUS", "stopped: in order")
        assert manager.said["STOPPING"] == "1"
        assert node.wait() == 0


def test_a_reload_begins_and_ends(nodes: Nodes) -> None:
    """Also one that has nothing to do: systemd waits for its end."""
    with ServiceManager() as manager:
        node = served(nodes, manager)
        manager.until("READY", "1")
        file = nodes.work / "tree.yaml"
        for number, text in enumerate(
            (file.read_text(), TREE.replace("b,", "c,"), "children: ["), 2
        ):
            file.write_text(text.replace("WORK", str(nodes.work)))
            node.send(signal.SIGHUP)
            manager.until("READY", "1", times=number)
            names = [name for each in manager.messages for name in each]
            order = [name for name in names if name in ("READY", "RELOADING")]
            assert order == ["READY"] + ["RELOADING", "READY"] * (number - 1)
        assert int(manager.said["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert node.stop() == 0


def test_a_service_manager_that_has_gone_harms_nobody(nodes: Nodes) -> None:
    with ServiceManager(watchdog_s=0.2) as manager:
        node = served(nodes, manager)
        manager.until("READY", "1")
        manager.until("WATCHDOG", "1", times=2)
    (nodes.work / "fifo").write_text("go\n")
    node.next(ChildFailed)
    assert node.stop() == 0


@pytest.mark.parametrize("words", [("--detach",), ("--detach", "--heart"), ("--heart",)])
def test_the_main_process_is_named(nodes: Nodes, words: tuple[str, ...]) -> None:
    """Type=notify with NotifyAccess=all: the command that waits is not the service."""
    with ServiceManager() as manager:
        start = served(nodes, manager, *words)
        manager.until("READY", "1")
        main = int(manager.said["MAINPID"])
        title = Path(f"/proc/{main}/cmdline").read_bytes()
        assert (b"heart.sh" in title) == ("--heart" in words)
        assert "--detach" in words or main == start.pid
        if "--detach" in words:
            assert start.wait() == 0
        assert ended("shutdown").returncode == 0
        assert start.wait() == 0
        nodes.gone()
