"""``otpy top``, and what ``otpy status`` tells of a worker's work."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from otpy.cli.render import elapsed
from otpy.cli.statistics_view import Load, ordered
from otpy.cli.terminal import Terminal
from tests.cli.commands import Run

pytestmark = pytest.mark.usefixtures("shop")


def test_a_table_of_all_processes(otpy: Run) -> None:
    title, *lines = otpy("top", "--once", "--interval", "0.05").out.splitlines()
    assert title.split() == [
        "NAME",
        "STATE",
        "PID",
        "CPU%",
        "MEMORY",
        "MSG/S",
        "BUSY",
        "QUEUE",
        "RESTARTS",
    ]
    assert [line.split()[0] for line in lines] == [
        row["name"] for row in otpy("status", "--json").data
    ]


def test_as_json_for_programs(otpy: Run) -> None:
    otpy("call", "sales", "get_count")
    loads = {
        load["name"]: load
        for load in otpy("top", "--once", "--json", "--interval", "0.05").data["processes"]
    }
    sales = loads["counters/sales"]
    assert sales["pid"] == int(otpy("pid", "sales").out)
    assert sales["messages"] >= 1
    assert (sales["queue"], sales["rate"]) == (0, 0.0)
    assert sales["cpu"] >= 0
    assert sales["memory"] > 1 << 20
    for other in ("root", "inventory"):
        assert loads[other]["messages"] is None
    assert loads["inventory"]["pid"] is None


def test_status_tells_what_a_worker_does(otpy: Run) -> None:
    otpy("call", "sales", "get_count")
    told = otpy("status", "sales").out
    assert re.search(r"^messages +[1-9]", told, re.MULTILINE)
    assert re.search(r"^busy +(no, it waits for messages|for \d)", told, re.MULTILINE)
    assert re.search(r"^queue +0$", told, re.MULTILINE)
    assert otpy("status", "sales", "--json").one["queue"] == 0
    assert "messages" not in otpy("status", "inventory").out
    assert "messages" not in otpy("status", "inventory", "--json").one


def test_it_goes_on_until_it_is_interrupted_and_ends_well(shop: Terminal) -> None:
    command = [sys.executable, "-m", "otpy", "top", "--json", "--interval", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as top:
        assert top.stdout is not None
        assert top.stderr is not None
        for _ in range(3):
            loads = json.loads(top.stdout.readline())["processes"]
            assert [each["name"] for each in loads[1:3]] == ["@logger", "root"]
        os.kill(top.pid, signal.SIGINT)
        rest = top.stdout.read()
        assert top.wait() == 0, (rest, top.stderr.read())
        assert top.stderr.read() == b""


def test_an_interval_without_end_is_wrong(otpy: Run) -> None:
    told = otpy("top", "--interval", "infinity")
    assert told.status == 2
    assert "--interval" in told.complaint


def test_the_busiest_first() -> None:
    def load(name: str, cpu: float | None, rate: float | None) -> Load:
        return Load(
            path=name,
            name=name,
            kind="worker",
            state="running",
            pid=1,
            restarts=0,
            cpu=cpu,
            rate=rate,
        )

    loads = [load("a", None, 3.0), load("b", 2.0, None), load("c", 70.0, 1.0)]
    assert [each.name for each in ordered(loads, "tree")] == ["a", "b", "c"]
    assert [each.name for each in ordered(loads, "cpu")] == ["c", "b", "a"]
    assert [each.name for each in ordered(loads, "messages")] == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0034, "3ms"), (1.53, "1.5s"), (12.3, "12s"), (192, "3m12s")]
)
def test_spans_that_may_be_short(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text
