"""What an event says of an end: signal, status, core dump, output, messages (10.8)."""

import os
import resource
import signal

from otpy.events import ChildEnded, ChildStarted, ChildStartFailed
from otpy.runtime.supervisor.output import last_lines
from otpy.system.wait import reap
from tests.support.node import Nodes

TREE = """
name: ends
max_restarts: 1000
children:
  - {id: fails, restart: temporary, command: [sh, -c, "seq 30; echo last >&2; sleep 0.1; exit 3"]}
  - {id: server, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: sleeper, command: [sleep, "100000"]}
"""

NEVER_UP = """
name: never
children:
  - {id: a, start: "tests.support.lean_workers:no_such"}
"""


def test_an_end_says_what_is_known_of_it(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.until(lambda: node.seen(ChildEnded, path="fails"), "its end")
    (failed,) = node.seen(ChildEnded, path="fails")
    assert (failed.status, failed.signal, failed.core_dumped) == (3, "", False)
    assert failed.output.splitlines() == [*map(str, range(12, 31)), "last"]
    for _ in range(3):
        node.client["server"].call("identity")
    os.kill(node.pids()["server"], signal.SIGKILL)
    killed = node.next(ChildEnded, path="server")
    assert (killed.status, killed.signal, killed.reason) == (None, "SIGKILL", "killed")
    assert killed.messages == 3
    assert killed.peak_memory > 1 << 20
    node.next(ChildStarted, path="server")


def test_a_start_that_failed_says_what_is_known_of_it(nodes: Nodes) -> None:
    node = nodes.start(NEVER_UP)
    failed = node.next(ChildStartFailed, path="a")
    assert failed.pid
    assert failed.kind == "worker"
    assert failed.status == 1
    assert failed.uptime > 0
    assert failed.peak_memory > 1 << 20
    assert "no_such" in failed.traceback
    assert node.wait() == 1


def test_a_core_dump_is_seen() -> None:
    """As the kernel says: whether there is one is up to its limit and its pattern."""
    said: list[bool] = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            _, most = resource.getrlimit(resource.RLIMIT_CORE)
            resource.setrlimit(resource.RLIMIT_CORE, (0, most))
            signal.signal(signal.SIGABRT, signal.SIG_DFL)
            os.abort()
        if said:
            said.append(reap(pid).core_dumped)
        else:
            said.append(os.WCOREDUMP(os.waitpid(pid, 0)[1]))
    assert said[0] == said[1]


def test_the_last_twenty_lines() -> None:
    lines = [str(n).encode() for n in range(30)]
    ended = b"\n".join(lines) + b"\n"
    assert last_lines(ended).split("\n") == [*map(str, range(10, 30)), ""]
    assert last_lines(ended + b"half").split("\n") == [*map(str, range(11, 30)), "half"]
    assert last_lines(b"") == ""
    assert last_lines(b"\xff\n") == "\ufffd\n"


def test_programs_that_end_at_once_have_been_up(nodes: Nodes) -> None:
    """Also while another process, just forked, still holds the pipe of one of them."""
    children = "".join(
        f'  - {{id: c{n}, restart: temporary, command: [sh, -c, "exit 3"]}}\n' for n in range(60)
    )
    node = nodes.run(f"name: ends\nchildren:\n{children}")
    assert node.seen(ChildStartFailed) == []
