"""1.4: the stop signal goes to the program itself, and its whole group has the budget."""

import os
import signal

from otpy.events import ChildEnded
from tests.support.node import Nodes
from tests.support.processes import is_alive

SAVES = "trap 'echo saved; kill $!; exit 0' TERM QUIT; echo up; sleep 100000 & wait"
WORKS = "echo up; read line < FIFO; echo done"
DEAF = "trap '' TERM; echo up $$; sleep 100000"


def test_a_program_and_its_group_have_the_budget(nodes: Nodes) -> None:
    os.mkfifo(nodes.work / "fifo")
    nodes.write(SAVES, "saves.sh")
    nodes.write(WORKS.replace("FIFO", "WORK/fifo"), "works.sh")
    nodes.write(DEAF, "deaf.sh")
    node = nodes.run("""
        name: groups
        children:
          - {id: behind, command: [sh, -c, "sh WORK/saves.sh; true"], shutdown: infinity}
          - {id: quits, command: [sh, -c, "sh WORK/saves.sh; true"], shutdown: infinity,
             stop_signal: QUIT}
          - {id: together, command: [sh, -c,
             "trap 'wait; exit 0' TERM; sh WORK/saves.sh & wait"], shutdown: infinity,
             stop_group: true}
          - {id: late, command: [sh, -c, "sh WORK/deaf.sh; true"], shutdown: 300ms}
          - {id: server, start: "tests.support.workers:Remote", args: [WORK/log],
             shutdown: infinity}
          - {id: master, command: [sh, -c,
             "trap 'echo bye; exit 0' TERM; sh WORK/works.sh & wait"], shutdown: infinity}
        """)
    for path in ("behind", "quits", "together", "late", "master"):
        node.says(f"^{path} +. up")
    helper = node.call("server", "fork", "command")
    deaf = int(node.says(r"^late +. up (\d+)")[1])
    root = node.client.supervisor()
    node.kill("behind", signal.SIGSTOP)
    for path in ("behind", "quits", "together", "late", "server"):
        root.terminate_child(path)
    for path in ("behind", "quits", "together"):
        node.says(f"^{path} +. saved")
    assert not is_alive(deaf)
    assert not is_alive(helper)
    node.says("late: stopped .shutdown.; its shutdown budget was over: what was left of it was kil")
    # The master's own handler has ended it: whom it leaves at work, it leaves at work.
    node.send(signal.SIGTERM)
    node.says("^master +. bye")
    (nodes.work / "fifo").write_text("go on\n")
    node.says("^master +. done")
    assert node.wait() == 0
    ends = {
        e.path: (e.reason, e.overdue)
        for e in node.seen(ChildEnded)
        if e.path and not e.path.startswith("@")
    }
    assert ends == {
        **dict.fromkeys(("behind", "quits", "together", "server", "master"), ("shutdown", False)),
        "late": ("shutdown", True),
    }
