"""No system call's failure ends a supervisor, the node or the gateway (1.3, 6.7)."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted, ChildStartFailed
from tests.support.node import Nodes
from tests.support.processes import is_alive

TREE = """
name: refused
max_restarts: 20
max_seconds: 1h
children:
  - {id: other, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: victim, start: "tests.support.workers:Remote", args: [WORK/log]}
  - id: nested
    children:
      - {id: below, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: pool, strategy: dynamic}
"""

OF_A_START = [
    ("fork", "EAGAIN"),
    ("fork", "ENOMEM"),
    ("pipe", "EMFILE"),
    ("pipe", "ENFILE"),
    ("control_pipe", "EMFILE"),
    ("pidfd_open", "EMFILE"),
    ("pidfd_open", "ENOMEM"),
    ("epoll_ctl", "ENOSPC"),
]
ON_THE_WAY = [
    ("kill", "EPERM"),
    ("killpg", "EPERM"),
    ("pread", "ENOMEM"),
    ("dup", "EMFILE"),
    ("sendmsg", "ENOBUFS"),
    ("open", "EMFILE"),
    ("os.open", "ENFILE"),
    ("write", "ENOSPC"),
]


class Faulty:
    """A node in which system calls fail on demand."""

    def __init__(self, nodes: Nodes) -> None:
        self.file = nodes.work / "faults"
        self.hits = nodes.work / "faults.hits"
        with nodes.command(TREE) as (name, _, fd):
            command = [sys.executable, "-m", "tests.support.faults", str(self.file), str(fd)]
            self.node = nodes.start_by(name, command, pass_fds=(fd,)).up()
        self.pids = self.node.pids()

    def refuse(self, path: str, call: str, code: str) -> None:
        """Make a call fail from now on, in the process at a path."""
        self.hits.unlink(missing_ok=True)
        pid = self.node.pid if path == "@node" else self.node.pids()[path]
        _replace(self.file, f"{pid} {call} {code}\n")

    def await_refusals(self, count: int) -> None:
        """Wait until it has failed so often."""
        self.node.until(lambda: len(self._hits()) >= count, f"{count} refusals")

    def _hits(self) -> list[str]:
        return self.hits.read_text().splitlines() if self.hits.exists() else []

    def permit(self) -> None:
        """Make all calls succeed again."""
        _replace(self.file, "")


def _replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


@pytest.fixture
def faulty(nodes: Nodes) -> Iterator[Faulty]:
    faulty = Faulty(nodes)
    yield faulty
    faulty.permit()
    if faulty.node.process.poll() is None:
        pids = faulty.node.pids()
        assert [pids[path] for path in ("", "other")] == [
            faulty.pids[path] for path in ("", "other")
        ]


def test_a_restart_that_is_refused_is_tried_again(faulty: Faulty) -> None:
    """However often, and without costing the child its restarts: it has twenty."""
    node = faulty.node
    for call, code in OF_A_START:
        for path in ("victim", "nested"):
            if (call, path) == ("pipe", "nested"):
                continue  # what a supervisor prints needs none
            faulty.refuse("", call, code)
            node.kill(path)
            node.next(ChildEnded, path=path)
            faulty.await_refusals(3)
            assert node.call("other", "identity")[1] == 1
            faulty.permit()
            node.next(ChildStarted, path="nested/below" if path == "nested" else path)
    assert node.errors.count("trying again until it can be started") >= len(OF_A_START)
    assert node.seen(ChildStartFailed) == []


def test_the_node_goes_on_when_its_children_cannot_be_started(faulty: Faulty) -> None:
    node = faulty.node
    faulty.refuse("@node", "fork", "EAGAIN")
    node.kill("@gateway")
    faulty.await_refusals(3)
    faulty.permit()
    node.next(ChildStarted, path="@gateway")
    assert node.call("other", "identity")[1] == 1


def test_the_gateway_goes_on_when_clients_cannot_be_served(faulty: Faulty) -> None:
    node = faulty.node
    calls = [("pipe", "EMFILE"), ("dup", "EMFILE"), ("pidfd_open", "ENFILE"), ("accept", "EMFILE")]
    for call, code in (*calls, ("epoll_ctl", "ENOSPC"), ("sendmsg", "ENOBUFS")):
        node.disconnect()
        faulty.refuse("@gateway", call, code)
        with contextlib.suppress(otpy.OtpyError, OSError), otpy.connect(node.name, timeout=1) as it:
            it["victim"].call("identity", timeout=0.5)
        faulty.permit()
        assert node.call("victim", "identity")[1] == 1
    assert node.pids()["@gateway"] == faulty.pids["@gateway"]


def test_a_first_start_that_is_refused_is_told(faulty: Faulty) -> None:
    faulty.refuse("pool", "fork", "EAGAIN")
    with pytest.raises(otpy.StartFailed, match="BlockingIOError"):
        faulty.node.client.supervisor("pool").start_child(
            {"id": "x", "start": "tests.support.workers:waits"}
        )
    faulty.node.client.supervisor().terminate_child("victim")
    faulty.refuse("", "fork", "EAGAIN")
    with pytest.raises(otpy.StartFailed, match="BlockingIOError"):
        faulty.node.client.supervisor().restart_child("victim")
    faulty.permit()
    faulty.node.client.supervisor().restart_child("victim")


def test_what_a_supervisor_does_beside_starts_may_fail(faulty: Faulty) -> None:
    node = faulty.node
    for call, code in ON_THE_WAY:
        left = node.call("victim", "fork", "daemon")
        faulty.refuse("", call, code)
        node.kill("victim")
        node.next(ChildEnded, path="victim")
        if call == "sendmsg":
            node.disconnect()
            with pytest.raises(otpy.OtpyError):
                node.client["victim"].call("identity", timeout=0.5)
        assert node.call("other", "identity")[1] == 1
        faulty.permit()
        node.until(lambda: "victim" in node.pids(), "the victim")
        assert node.call("victim", "identity")
        if is_alive(left):
            assert call == "kill"
            assert f"cannot end process {left}" in node.errors
            os.kill(left, signal.SIGKILL)


def test_a_stop_gets_through_while_starts_are_refused(faulty: Faulty) -> None:
    """The first SIGTERM takes effect, little time is used, and the dead worker is not running."""
    node = faulty.node
    faulty.refuse("", "fork", "EAGAIN")
    node.kill("victim")
    node.next(ChildEnded, path="victim")
    used = processor_time(faulty.pids[""])
    began = time.monotonic()
    faulty.await_refusals(6)
    assert processor_time(faulty.pids[""]) - used < 0.5 * (time.monotonic() - began)
    victim = node.client.tree().find("victim")
    assert victim is not None
    assert victim.state != "running"
    assert node.stop() == 0


def processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
