"""Commands that look: tree, status, pid, events. Nothing here changes the node."""

import json
import re
from datetime import datetime

import psutil
import pytest

from otpy.cli.terminal import Terminal
from tests.cli.commands import Run, title

pytestmark = pytest.mark.usefixtures("shop")

NAMES = [
    "@gateway",
    "@logger",
    "root",
    "catalogue",
    "counters",
    "counters/visitors",
    "counters/sales",
    "back-office",
    "back-office/orders",
    "back-office/mailroom",
    "back-office/printer",
    "inventory",
    "door",
]


def test_the_tree_is_drawn_below_its_node(otpy: Run) -> None:
    title, *lines = otpy("tree").out.splitlines()
    assert title.split() == ["NAME", "STATE", "PID", "INCARNATION", "RESTARTS", "MEMORY", "UPTIME"]
    column = title.index("STATE")
    assert [line[:column].rstrip() for line in lines] == [
        "shop",
        "├─ @gateway",
        "├─ @logger",
        "└─ root",
        "   ├─ catalogue",
        "   ├─ counters",
        "   │  ├─ visitors",
        "   │  └─ sales",
        "   ├─ back-office",
        "   │  ├─ orders",
        "   │  ├─ mailroom",
        "   │  └─ printer",
        "   ├─ inventory",
        "   └─ door",
    ]
    assert {line[column:].split()[0] for line in lines} == {"running", "stopped"}


def test_every_line_of_the_tree_is_a_process(otpy: Run, shop: Terminal) -> None:
    rows = otpy("tree", "--json").data
    pids = {row["pid"] for row in rows if row["pid"] is not None}
    assert shop.node.pid == rows[0]["pid"]
    assert pids - {shop.node.pid} <= {child.pid for child in shop.node.children(recursive=True)}
    for row in rows:
        assert (row["state"] == "running") == (row["pid"] is not None)
        assert (row["memory"] is None) == (row["pid"] is None)
        if row["pid"] is not None:
            assert row["memory"] > 0
            assert row["memory_exact"]
            assert row["processes"] >= 1
            assert row["uptime"] >= 0


def test_the_tree_as_json_has_the_node_first(otpy: Run) -> None:
    node, *rows = otpy("tree", "--json").data
    assert (node["name"], node["kind"], node["path"]) == ("shop", "node", None)
    assert [row["name"] for row in rows] == NAMES
    assert rows[2]["path"] == ""
    beside = {"gateway", "logger"}
    assert {row["kind"] for row in rows} == beside | {"supervisor", "worker", "command"}


def test_status_lists_every_process_flat(otpy: Run) -> None:
    title, *lines = otpy("status").out.splitlines()
    assert title.split() == ["NAME", "KIND", "STATE", "PID", "RESTARTS", "UPTIME", "LAST", "EXIT"]
    assert [line.split()[0] for line in lines] == NAMES
    (inventory,) = (line for line in lines if line.startswith("inventory"))
    assert inventory.split() == ["inventory", "worker", "stopped", "-", "0", "-", "normal"]
    assert [row["name"] for row in otpy("status", "--json").data] == NAMES


def test_status_of_one_tells_how_it_ended_last(otpy: Run) -> None:
    told = dict(
        re.split(r"  +", line, maxsplit=1) for line in otpy("status", "inventory").out.splitlines()
    )
    assert told["name"] == "inventory"
    assert told["state"] == "stopped"
    assert told["last exit"] == "normal"
    assert otpy("status", "sales", "--json").one["path"] == "counters/sales"


def test_pid_prints_the_pid_and_nothing_else(otpy: Run) -> None:
    pid = int(otpy("pid", "counters/sales").out)
    assert title(psutil.Process(pid)) == "otpy: counters/sales"
    assert otpy("pid", "sales").out == f"{pid}\n"
    assert otpy("pid", "sales", "--json").data == [
        {"name": "counters/sales", "ok": True, "path": "counters/sales", "pid": pid}
    ]
    assert title(psutil.Process(int(otpy("pid", "root").out))) == "otpy: root"


def test_the_pid_of_what_has_none(otpy: Run) -> None:
    assert otpy("pid", "inventory").complaint == (
        "inventory has no process now, it is stopped; see `otpy status inventory`"
    )


@pytest.mark.parametrize("command", ["pid", "status", "terminate", "start", "restart", "delete"])
def test_a_name_that_nobody_has_is_told_with_what_may_have_been_meant(
    otpy: Run, command: str
) -> None:
    assert otpy(command, "visitor").complaint == (
        "no child 'visitor' in the tree; did you mean 'visitors'? `otpy tree` shows them all"
    )
    assert (
        otpy(command, "xyz").complaint == "no child 'xyz' in the tree; `otpy tree` shows them all"
    )


def test_events_are_lines_in_local_time(otpy: Run, shop: Terminal) -> None:
    lines = otpy("events").out.splitlines()
    assert any(line.endswith(f"  shop is up, pid {shop.node.pid}") for line in lines)
    for line in lines:
        datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S.%f").astimezone()


def test_events_as_json_are_an_object_a_line(otpy: Run) -> None:
    events = [json.loads(line) for line in otpy("events", "--json").out.splitlines()]
    assert [e["path"] for e in events if e["event"] == "ChildStarted"] == [
        "@logger",
        "@gateway",
        "catalogue",
        "counters/visitors",
        "counters/sales",
        "counters",
        "back-office/orders",
        "back-office/mailroom",
        "back-office/printer",
        "back-office",
        "inventory",
        "door",
        "",
    ]
    assert "NodeStarted" in {e["event"] for e in events}
