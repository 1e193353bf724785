"""Commands that look into a server: state, replace-state, suspend, resume, trace."""

import json
import os
import signal
import subprocess
import sys

import pytest

from otpy.cli.terminal import Terminal
from otpy.cli.trace import as_line
from otpy.wire.sys_messages import TraceEvent
from tests.cli.commands import Run

pytestmark = pytest.mark.usefixtures("counter")


def test_the_state_is_shown_and_replaced(otpy: Run) -> None:
    assert otpy("call", "counter", "increment", "5").status == 0
    assert otpy("state", "counter").out == "count  5\n"
    assert otpy("replace-state", "counter", "count=41").out == "count  41\n"
    assert otpy("state", "counter", "--json").one["state"] == {"count": 41}
    assert otpy("call", "counter", "increment", "1").data == 42


def test_a_replacement_that_is_refused(otpy: Run) -> None:
    assert otpy("replace-state", "counter", "cuont=41").complaint == (
        "refused: it has no attribute 'cuont'; it has: 'count'"
    )
    told = otpy("replace-state", "counter", "count")
    assert told.status == 2
    assert "'count' is not ATTRIBUTE=VALUE, for example count=5" in told.complaint


def test_a_suspended_server_takes_no_calls(otpy: Run) -> None:
    assert otpy("suspend", "counter").out == "counter: suspended\n"
    assert "no, it is suspended" in otpy("status", "counter").out
    assert "did not answer" in otpy("call", "counter", "get_count", "--timeout", "0.1").complaint
    assert otpy("state", "counter").out == "count  0\n"
    assert otpy("resume", "counter").out == "counter: resumed\n"
    assert otpy("call", "counter", "get_count").data == 0


@pytest.mark.parametrize("command", ["state", "suspend", "resume", "trace"])
def test_who_is_no_server(otpy: Run, command: str) -> None:
    assert "is a supervisor, not a server" in otpy(command, "root").complaint
    assert "did you mean 'counter'?" in otpy(command, "conter").complaint


@pytest.mark.parametrize("end", ["interrupt", "kill"])
def test_a_trace_goes_on_until_it_is_interrupted_or_the_server_ends(
    otpy: Run, counter: Terminal, end: str
) -> None:
    command = [sys.executable, "-m", "otpy", "trace", "counter", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as trace:
        assert trace.stdout is not None
        assert trace.stderr is not None
        while trace.poll() is None:
            otpy("call", "counter", "get_count")
            # It has begun once it has seen something.
            os.set_blocking(trace.stdout.fileno(), False)
            if first := trace.stdout.readline():
                break
        os.set_blocking(trace.stdout.fileno(), True)
        event = json.loads(first)
        assert event["kind"] in ("call", "reply")
        if end == "interrupt":
            os.kill(trace.pid, signal.SIGINT)
        else:
            otpy("kill", "counter")
        trace.stdout.read()
        assert trace.wait() == 0
        assert trace.stderr.read() == b""
    assert counter.node.is_running()


def test_several_are_traced_until_the_last_has_ended(otpy: Run) -> None:
    second = {"id": "second", "start": "otpy.examples.counter:Counter", "restart": "temporary"}
    otpy("start", json.dumps(second))
    command = [sys.executable, "-m", "otpy", "trace", "counter", "second", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as trace:
        assert trace.stdout is not None
        os.set_blocking(trace.stdout.fileno(), False)
        seen: set[str] = set()
        while seen != {"counter", "second"} and trace.poll() is None:
            for name in ("counter", "second"):
                otpy("call", name, "get_count")
            # Each has begun once it has seen something.
            while line := trace.stdout.readline():
                seen.add(json.loads(line)["path"])
        otpy("kill", "counter")
        otpy("stop", "second")
        assert trace.wait() == 0


def test_a_line_of_a_trace() -> None:
    line = as_line(TraceEvent(0.0, "call", "1.2", "('increment', 5)", 3))
    assert line.endswith("  (3 events missed)  call   1.2       ('increment', 5)")


def test_the_stack_of_a_worker(otpy: Run) -> None:
    shown = otpy("stack", "counter").out
    assert "(most recent call first):" in shown
    assert 'mailbox.py", line ' in shown
    told = otpy("stack", "counter", "--json").one
    assert told["name"] == "counter"
    assert told["stack"][0].endswith("(most recent call first):")
    assert otpy("call", "counter", "get_count").data == 0
