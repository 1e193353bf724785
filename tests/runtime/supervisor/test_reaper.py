"""What children leave behind: reaped at once when dead (1.1), ended before a replacement (1.2)."""

import contextlib
import signal
import time
from collections.abc import Callable

import otpy
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes, NodeUnderTest
from tests.support.orphaning_workers import WAYS
from tests.support.processes import DEADLINE_S, await_end, descendants, is_alive, stat_of

HOLDER = '"tests.support.orphaning_workers:Holder", args: [WORK/log]'

TREE = f"""
name: orphans
max_restarts: 100
children:
  - {{id: server, start: {HOLDER}}}
  - {{id: function, start: "tests.support.orphaning_workers:holds", args: [WORK/log]}}
  - id: program
    command: [sh, -c, "exec 9>WORK/log.program; flock -n 9 || exit 3;
      setsid sleep 100000 & (setsid sleep 100000 &); sleep 100000"]
  - id: nested
    max_restarts: 100
    children:
      - {{id: server, start: {HOLDER}}}
  - id: group
    strategy: one_for_all
    max_restarts: 100
    children:
      - {{id: first, start: {HOLDER}}}
      - {{id: second, start: {HOLDER}}}
  - id: chain
    strategy: rest_for_one
    max_restarts: 100
    children:
      - {{id: first, start: {HOLDER}}}
      - {{id: second, start: {HOLDER}}}
"""


def holding(node: NodeUnderTest, path: str, incarnation: int) -> list[int]:
    """Return the processes that an incarnation will leave behind, once it has started them."""
    entry = ["holds", path, incarnation]
    return node.until(lambda: [p for e in node.log() if e[:3] == entry for p in e[3:]], str(entry))


def test_what_a_dead_child_left_ends_before_its_replacement_starts(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    ends: list[tuple[Callable[[], object], set[str]]] = [
        (lambda: node.kill("server"), {"server"}),
        (lambda: node.call("server", "end", "normal"), {"server"}),
        (lambda: _ignoring(lambda: node.call("server", "end", "raise")), {"server"}),
        (lambda: _ignoring(lambda: node.call("server", "end", "exit")), {"server"}),
        (lambda: node.kill("function", signal.SIGTERM), {"function"}),
        (lambda: node.kill("program"), {"program"}),
        (lambda: node.kill("nested/server"), {"nested/server"}),
        (lambda: node.kill("nested"), {"nested/server"}),
        (lambda: node.kill("group/second"), {"group/first", "group/second"}),
        (lambda: node.kill("chain/first"), {"chain/first", "chain/second"}),
        (lambda: node.kill(""), {"server", "function", "program", "nested/server", "chain/first"}),
    ]
    for end, paths in ends:
        before = node.incarnations()
        left = [pid for p in paths - {"program"} for pid in holding(node, p, before[p])]
        node.since()
        end()
        node.next_each(ChildStarted, paths)
        assert [pid for pid in left if is_alive(pid)] == []
    assert [entry for entry in node.log() if entry[0] == "overlaps"] == []
    assert "exit: 3" not in {event.reason for event in node.seen(ChildEnded, path="program")}


def _ignoring(function: Callable[[], object]) -> None:
    with contextlib.suppress(otpy.ProcessDown):
        function()


def test_what_a_living_child_has_orphaned_is_its_own(nodes: Nodes) -> None:
    node = nodes.run(f"""
        name: living
        max_restarts: 100
        children:
          - {{id: first, start: {HOLDER.replace("]", ", []]")}}}
          - {{id: program, command: [sh, -c, "(setsid sh -c 'echo daemon; exec sleep 100000' &);
              exec sleep 100000"]}}
          - {{id: second, start: {HOLDER.replace("]", ", []]")}}}
        """)
    daemons = [node.call("first", "leave", how) for how in ("daemon", "fork")]
    root = node.pids()[""]
    node.says("daemon")
    assert len(orphans(node, root)) == 3
    for _ in range(2):
        node.recover("second")
    assert len(orphans(node, root)) == 3

    node.recover("first")
    assert [pid for pid in daemons if is_alive(pid)] == []
    assert len(orphans(node, root)) == 1
    node.recover("program")
    node.until(lambda: node.output.count("program | daemon") == 2, "the program's next daemon")
    assert len(orphans(node, root)) == 1
    node.kill("first", signal.SIGTERM)
    assert node.stop() == 0


def orphans(node: NodeUnderTest, supervisor: int) -> list[int]:
    """Return the living processes that a supervisor has adopted."""
    below = [pid for pid in descendants(supervisor) if is_alive(pid)]
    adopted = [pid for pid in below if (s := stat_of(pid)) and int(s[1]) == supervisor]
    return [pid for pid in adopted if pid not in node.pids().values()]


def test_orphans_of_living_children_are_reaped_at_once(nodes: Nodes) -> None:
    """They ended while nobody else did, in sessions of their own or not: 1.1."""
    node = nodes.run("""
        name: zombies
        children:
          - id: program
            command: [sh, -c, "i=0; while [ $i -lt 20 ]; do (sleep 0.01 &); (setsid true &);
              i=$((i+1)); done; wait; echo all gone; exec sleep 100000"]
          - id: nested
            children:
              - {id: program, command: [sh, -c, "(setsid true &); (true &); exec sleep 100000"]}
        """)
    node.says("all gone")
    deadline = time.monotonic() + DEADLINE_S
    while (dead := zombies(node.pid)) and time.monotonic() < deadline:
        pass
    assert dead == []


def zombies(top: int) -> list[int]:
    return [pid for pid in descendants(top) if (stat := stat_of(pid)) and stat[0] == "Z"]


def test_what_all_children_have_left_ends_with_the_node(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    left = holding(node, "server", 1)
    assert len(left) == len(WAYS)
    node.send(signal.SIGTERM)
    assert node.wait() == 0
    assert all(await_end(pid) for pid in left)
