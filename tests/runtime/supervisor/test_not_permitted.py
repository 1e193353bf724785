"""1.5: a program that its supervisor may not signal, as a set-uid one of another user's."""

import os
import shutil
import signal
import sys

import pytest

import otpy
from otpy.events import ChildEnded
from tests.support.node import Nodes
from tests.support.processes import await_end, is_alive

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root, to start programs as another user",
)

MAY_NOT_KILL = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill", "--"]
AS_ANOTHER = (
    "setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'echo up $$; exec sleep 100000'"
)


def test_it_is_given_up_when_its_budget_is_over(nodes: Nodes) -> None:
    tree = nodes.write(f"""
        name: another
        children:
          - {{id: leads, command: [sh, -c, "exec {AS_ANOTHER}"], shutdown: 300ms}}
          - {{id: below, command: [sh, -c, "{AS_ANOTHER} & wait"], shutdown: 300ms}}
          - {{id: last, command: [sh, -c, "exec {AS_ANOTHER}"], shutdown: infinity}}
        """)
    run = [sys.executable, "-m", "otpy", "run", str(tree)]
    node = nodes.start_by("another", [*MAY_NOT_KILL, *run]).up()
    paths = ("leads", "below", "last")
    pids = {path: int(node.says(rf"^{path} +. up (\d+)")[1]) for path in paths}
    with pytest.raises(otpy.OtpyError, match=r"leads: SIGTERM was not sent, .* not permitted"):
        node.client.signal("leads", signal.SIGTERM)
    root = node.client.supervisor()
    for path in ("leads", "below"):
        root.terminate_child(path)
    leads, below = (node.next(ChildEnded, path=path) for path in ("leads", "below"))
    assert leads.reason.startswith("given up: to kill it is not permitted")
    assert (below.reason, below.overdue) == ("shutdown", True)
    node.complains(r"leads: SIGTERM is not permitted")
    node.complains(rf"cannot end process {pids['below']}")
    node.send(signal.SIGTERM)
    node.complains(r"last: SIGTERM is not permitted")
    node.send(signal.SIGTERM)
    assert node.wait() == 0
    for pid in pids.values():
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)
        await_end(pid)


def test_one_that_is_unhealthy_is_given_up(nodes: Nodes) -> None:
    tree = nodes.write(f"""
        name: ill
        max_restarts: 0
        children:
          - id: a
            command: [sh, -c, "exec {AS_ANOTHER}"]
            health: {{exec: ["false"], every: 50ms, failures: 2}}
            restart: temporary
        """)
    run = [sys.executable, "-m", "otpy", "run", str(tree)]
    node = nodes.start_by("ill", [*MAY_NOT_KILL, *run])
    pid = int(node.says(r"^a +. up (\d+)")[1])
    ended = node.next(ChildEnded, path="a")
    assert ended.reason.startswith("given up: to kill it is not permitted")
    node.send(signal.SIGTERM)
    assert node.wait() == 0
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)
    await_end(pid)
