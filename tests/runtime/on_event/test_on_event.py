"""What is done about the events of a real node (10.9)."""

import json
import os
import signal
from typing import Any

import psutil

from otpy.events import ChildEnded, ChildStarted, EventHandlerFailed, NodeStopped
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: app
max_restarts: 100
on_event:
  - {exec: [sh, -c, "cat >> WORK/got"], events: [ChildEnded, ChildStarted, NodeStopping]}
  - {cast: alerts, events: [ChildEnded, ChildStarted]}
  - {exec: [sh, -c, "echo too bad >&2; exit 4"], events: [ChildRestarting]}
  - {exec: [sleep, "100000"], events: [ChildEnded], timeout: 300ms}
children:
  - {id: a, command: [sleep, "100000"]}
  - {id: alerts, start: "tests.support.alerts:Alerts", args: [WORK/log]}
"""

PLAIN = """
name: app
children:
  - {id: a, command: [sleep, "100000"]}
"""


def got(node: NodeUnderTest) -> list[tuple[str, str]]:
    """Return the events that the program was given: each line is one."""
    path = node.work / "got"
    text = path.read_text() if path.exists() else ""
    events: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    return [(event["event"], event["path"]) for event in events]


def ends(node: NodeUnderTest) -> list[str]:
    return [path for kind, path in got(node) if kind == "ChildEnded"]


def test_programs_and_servers_are_handed_the_events(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    os.kill(node.pids()["a"], signal.SIGKILL)
    ended = node.next(ChildEnded, path="a")
    started = node.next(ChildStarted, path="a")
    node.logged("event", "ChildEnded", "a", ended.seq)
    node.logged("event", "ChildStarted", "a", started.seq)
    node.until(lambda: len(node.seen(EventHandlerFailed)) > 1, "two failures")
    reasons = {event.handler: event.reason for event in node.seen(EventHandlerFailed)}
    assert reasons == {
        "sh -c echo too bad >&2; exit 4": "exit status 4: too bad",
        "sleep 100000": "did not end within 0.3 s, and was killed",
    }

    # The server dies: it is told of what it did not see, but not of itself.
    os.kill(node.pids()["alerts"], signal.SIGKILL)
    node.next(ChildStarted, path="alerts", incarnation=2)
    os.kill(node.pids()["a"], signal.SIGKILL)
    ended = node.next(ChildEnded, path="a")
    node.logged("event", "ChildEnded", "a", ended.seq)
    assert not [entry for entry in node.log("log") if "alerts" in entry[2:3]]
    assert ends(node)[:2] == ["a", "alerts"]
    assert len(node.seen(EventHandlerFailed)) == 2

    # The process that hands them over dies: the next one goes on behind.
    os.kill(node.pids()["@on_event"], signal.SIGKILL)
    node.next(ChildStarted, path="@on_event")
    os.kill(node.pids()["a"], signal.SIGKILL)
    ended = node.next(ChildEnded, path="a")
    node.logged("event", "ChildEnded", "a", ended.seq)
    assert node.stop() == 0
    assert got(node)[-1][0] != "NodeStopped"
    assert ("NodeStopping", "@node") in got(node)
    node.next(NodeStopped)


HANGS = """
name: app
on_event: {exec: [sh, -c, "echo $$ > WORK/pid; sleep 100000"], timeout: 60s}
children:
  - {id: a, command: [sleep, "100000"]}
"""


def test_a_program_that_hangs_holds_up_the_end_for_two_seconds(nodes: Nodes) -> None:
    """And does not outlive the node, as the fixture sees to."""
    node = nodes.run(HANGS)
    node.until((node.work / "pid").exists, "the program's pid")
    assert node.stop() == 0
    (failed,) = node.seen(EventHandlerFailed)
    assert failed.reason == "the node has stopped"
    assert failed.lost > 1
    (end,) = node.seen(ChildEnded, path="@on_event")
    assert end.reason == "shutdown"


def test_without_handlers_there_is_no_process_for_them(nodes: Nodes) -> None:
    node = nodes.run(PLAIN)
    titles = [child.cmdline()[0] for child in psutil.Process(node.pid).children()]
    assert not [title for title in titles if "on_event" in title]
    assert "@on_event" not in {event.path for event in node.seen(ChildStarted)}
