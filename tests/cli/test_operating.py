"""Commands that change the tree: kill, terminate, start, restart, delete, shutdown."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from otpy.cli.terminal import Terminal
from tests.cli.commands import CONFIGS, Outcome, Run, running
from tests.support.processes import DEADLINE_S

COUNTER = {"id": "second", "start": "otpy.examples.counter:Counter", "args": [7]}


@pytest.fixture
def tree(otpy: Run, nowhere: Path) -> Iterator[Terminal]:
    with running(CONFIGS / "shop.yaml", nowhere) as run:
        yield run


@pytest.fixture
def pool(nowhere: Path) -> Iterator[Terminal]:
    file = nowhere / "pool.yaml"
    file.write_text("children: [{id: pool, strategy: dynamic, max_children: 1}]")
    with running(file, nowhere) as run:
        yield run


def state(otpy: Run, name: str) -> str:
    found: str = otpy("status", name, "--json").one["state"]
    return found


def done(outcome: Outcome) -> str:
    """Return what a command printed that did its work."""
    assert (outcome.status, outcome.err) == (0, "")
    return outcome.out


def killed(otpy: Run, name: str, *signal: str) -> psutil.Process:
    """Kill a process by command, wait for its end, and give it."""
    process = psutil.Process(int(otpy("pid", name).out))
    done(otpy("kill", name, *signal))
    process.wait(DEADLINE_S)
    return process


def test_kill_sends_kill_and_the_supervisor_does_the_rest(otpy: Run, counter: Terminal) -> None:
    otpy("call", "counter", "increment", "5")
    old = killed(otpy, "counter")
    assert otpy("call", "counter", "get_count").data == 0
    assert int(otpy("pid", "counter").out) != old.pid
    counter.show_until("counter: ended: killed")
    assert otpy("status", "counter", "--json").one["reason"] == "killed"


@pytest.mark.usefixtures("counter")
def test_kill_names_the_signal_that_it_sent(otpy: Run) -> None:
    assert otpy("kill", "counter", "usr1").out == "counter: sent SIGUSR1\n"
    assert otpy("kill", "counter", "SIGCONT").out == "counter: sent SIGCONT\n"
    assert otpy("kill", "counter", "40").out == "counter: sent signal 40\n"


def test_the_root_and_the_gateway_can_be_killed_too(otpy: Run, counter: Terminal) -> None:
    killed(otpy, "root")
    counter.show_until("root: started again")
    gateway = counter.gateway()
    assert otpy("kill", "@gateway").out == "@gateway: sent SIGKILL\n"
    gateway.wait(DEADLINE_S)
    assert otpy("call", "counter", "get_count").data == 0


@pytest.mark.usefixtures("tree")
def test_a_stopped_child_stays_down_until_it_is_started(otpy: Run) -> None:
    assert done(otpy("terminate", "sales")) == "counters/sales: stopped\n"
    assert state(otpy, "sales") == "stopped"
    assert otpy("call", "sales", "get_count").complaint.endswith("start it with `otpy start sales`")
    assert done(otpy("start", "counters/sales")) == (
        f"counters/sales: started, pid {otpy('pid', 'sales').out}"
    )
    pid = int(otpy("pid", "sales").out)
    assert done(otpy("start", "sales")) == f"counters/sales: is running already, pid {pid}\n"


@pytest.mark.usefixtures("tree")
def test_restart_stops_what_runs_and_says_so(otpy: Run) -> None:
    otpy("call", "sales", "increment", "5")
    told = done(otpy("restart", "sales"))
    assert told == f"counters/sales: restarted, pid {int(otpy('pid', 'sales').out)}\n"
    assert otpy("call", "sales", "get_count").data == 0


@pytest.mark.usefixtures("tree")
def test_restart_of_what_is_stopped_starts_it(otpy: Run) -> None:
    otpy("terminate", "sales")
    (only,) = done(otpy("restart", "sales")).splitlines()
    assert only.startswith("counters/sales: started, pid ")


@pytest.mark.usefixtures("tree")
def test_a_whole_subtree_can_be_restarted(otpy: Run) -> None:
    before = otpy("pid", "orders").out
    done(otpy("restart", "back-office"))
    assert otpy("pid", "orders").out != before


@pytest.mark.usefixtures("tree")
def test_a_temporary_child_can_be_restarted_but_not_started_again(otpy: Run) -> None:
    before = otpy("pid", "door").out
    done(otpy("restart", "door"))
    assert otpy("pid", "door").out != before
    done(otpy("terminate", "door"))
    assert "no child 'door'" in otpy("start", "door").complaint


@pytest.mark.usefixtures("pool")
def test_the_children_of_a_dynamic_supervisor_come_and_go(otpy: Run) -> None:
    assert done(otpy("start", "pool", json.dumps(COUNTER))).startswith("pool/second: started, pid")
    third = json.dumps({**COUNTER, "id": "third"})
    assert otpy("start", "pool", third).complaint.startswith("max_children: 1 of 1 children: ")
    before = otpy("pid", "second").out
    done(otpy("restart", "second"))
    assert otpy("pid", "second").out != before
    done(otpy("terminate", "second"))
    assert "no child 'second'" in otpy("start", "second").complaint


def test_start_makes_children_from_a_template(otpy: Run, nowhere: Path) -> None:
    file = nowhere / "jobs.yaml"
    file.write_text(
        "children: [{id: pool, strategy: dynamic,"
        " template: {id: count, start: 'otpy.examples.counter:Counter'}}]"
    )
    with running(file, nowhere):
        assert done(otpy("start", "pool", '{"args": [7]}')).startswith("pool/count-1: started, ")
        assert otpy("call", "count-1", "get_count").data == 7
        assert done(otpy("start", "pool", "{}")).startswith("pool/count-2: started, pid ")


@pytest.mark.usefixtures("tree")
def test_a_child_must_be_stopped_before_it_is_deleted(otpy: Run) -> None:
    assert otpy("delete", "sales").complaint.startswith("running: ")
    otpy("terminate", "sales")
    assert done(otpy("delete", "sales")) == "counters/sales: deleted\n"
    assert "no child 'sales'" in otpy("start", "sales").complaint


@pytest.mark.usefixtures("tree")
def test_start_adds_a_child_to_a_supervisor(otpy: Run) -> None:
    told = done(otpy("start", "counters", json.dumps(COUNTER)))
    assert told == f"counters/second: started, pid {otpy('pid', 'counters/second').out}"
    assert otpy("call", "second", "get_count").data == 7
    again = otpy("start", "counters", json.dumps(COUNTER))
    assert again.complaint.startswith("already_started: ")
    otpy("terminate", "second")
    again = otpy("start", "counters", json.dumps(COUNTER))
    assert again.complaint.startswith("already_present: ")


@pytest.mark.usefixtures("counter")
@pytest.mark.parametrize("supervisor", [[], ["root"]])
def test_start_adds_a_child_from_yaml_to_the_root(
    otpy: Run, tmp_path: Path, supervisor: list[str]
) -> None:
    file = tmp_path / "child.yaml"
    file.write_text("id: second\nstart: otpy.examples.counter:Counter\nargs: [7]\n")
    told = done(otpy("start", *supervisor, f"@{file}"))
    assert told == f"second: started, pid {otpy('pid', 'second').out}"


@pytest.mark.usefixtures("counter")
def test_a_spec_that_is_wrong_is_status_2(otpy: Run, tmp_path: Path) -> None:
    told = otpy("start", json.dumps({**COUNTER, "restart": "always", "strat": "one_for_one"}))
    assert (told.status, told.out) == (2, "")
    assert len(told.err.splitlines()) == 2
    assert "got 'always', expected permanent" in told.err
    file = tmp_path / "child.yaml"
    file.write_text("id: a: b\n")
    told = otpy("start", f"@{file}")
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith(f"{file}:1:6: YAML syntax: mapping values")
    file.write_bytes(b"\xff\xfe\x00")
    assert otpy("start", f"@{file}").err.startswith(f"{file}:1:1: byte 0xff is not UTF-8")
    assert (
        otpy("start", f"@{file}.no").err
        == f"{file}.no: cannot be read: No such file or directory\n"
    )
    assert "SPEC is neither JSON" in otpy("start", "counter", "[" * 100_000).complaint


@pytest.mark.usefixtures("nowhere")
def test_a_file_that_is_a_trap_is_refused(otpy: Run, tmp_path: Path) -> None:
    """5.7: an alias bomb took 2 GB."""
    file = tmp_path / "child.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    file.write_text("\n".join(lines))
    told = otpy("start", f"@{file}")
    assert (told.status, told.out) == (2, "")
    assert "aliases make over 1000000 values of this, expected fewer" in told.err
    file.write_text("id: a\nid: b\nstart: !!python/name:os.system\n")
    told = otpy("start", f"@{file}")
    assert [line.removeprefix(f"{file}:").split(":")[0] for line in told.err.splitlines()] == [
        "2",
        "3",
    ]


@pytest.mark.usefixtures("counter")
def test_a_child_that_cannot_start_is_told_with_its_reason(otpy: Run) -> None:
    spec: dict[str, Any] = {"id": "bad", "start": "otpy.examples.counter:Countr"}
    told = otpy("start", json.dumps(spec))
    assert told.complaint.startswith("it failed to start: error: AttributeError: ")
    assert "no child 'bad'" in otpy("status", "bad").complaint


@pytest.mark.usefixtures("counter")
def test_a_worker_can_have_no_children(otpy: Run) -> None:
    assert otpy("start", "counter", json.dumps(COUNTER)).complaint == (
        "counter is no supervisor, so it cannot have children"
    )


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("command", ["terminate", "start", "restart", "delete"])
@pytest.mark.parametrize("name", ["root", "@gateway", "@logger"])
def test_what_is_no_child_is_refused(otpy: Run, command: str, name: str) -> None:
    assert otpy(command, name).complaint == (
        f"{name} is no child of the tree; `otpy shutdown` stops it all"
    )


def test_an_id_that_two_children_have_must_be_a_path(otpy: Run, tree: Terminal) -> None:
    otpy("start", "counters", json.dumps({**COUNTER, "id": "orders"}))
    assert otpy("pid", "orders").complaint == (
        "'orders' is the id of 2 children; say counters/orders or back-office/orders; "
        "see `otpy tree`"
    )
    done(otpy("terminate", "counters/orders"))
    assert state(otpy, "back-office/orders") == "running"
    assert tree.node.is_running()


def test_shutdown_waits_until_the_node_is_gone(otpy: Run, counter: Terminal) -> None:
    counter.note_descendants()
    told = otpy("shutdown")
    assert counter.survivors() in ([], [counter.node])  # ours to reap
    assert done(told) == "counter-app: stopped, nothing of it is left\n"
    assert counter.wait() == 0
    for words in (["shutdown"], ["-n", "counter-app", "shutdown"]):
        assert done(otpy(*words)) == "counter-app: does not run, nothing of it is left\n"
    assert otpy("-n", "counter-ap", "shutdown").status == 3


def test_follow_shows_what_happens_and_ends_with_the_node(otpy: Run, counter: Terminal) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "otpy", "events", "-f", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        events = iter(following.stdout)
        while json.loads(next(events))["event"] != "NodeStarted":
            pass
        killed(otpy, "counter")
        while json.loads(next(events))["event"] != "ChildRestarting":
            pass
        done(otpy("shutdown"))
        assert all(json.loads(event)["at"] for event in events)
        assert following.wait() == 0
    assert counter.wait() == 0


def test_a_child_that_has_failed_is_shown_and_started_again(otpy: Run, nowhere: Path) -> None:
    file = nowhere / "contained.yaml"
    limits = "max_restarts: 0, on_give_up: stay_down"
    start = "otpy.examples.counter:Counter"
    file.write_text(
        f"children: [{{id: a, start: '{start}', {limits}}}, {{id: b, start: '{start}',"
        " backoff: {initial: 1h, max: 1h}}]"
    )
    with running(file, nowhere) as run:
        killed(otpy, "a")
        run.show_until("a: FAILED")
        listed = otpy("status")
        assert (listed.status, listed.err) == (1, "")
        assert "failed" in listed.out
        assert otpy("status", "a").status == 1
        assert otpy("status", "b").status == 0
        assert "failed" in otpy("tree").out
        assert "failed" in otpy("top", "--once").out
        assert done(otpy("start", "a")).startswith("a: started, pid ")
        for incarnation in (2, 3):
            killed(otpy, "b")
            run.show_until("b: backing off" if incarnation == 3 else "b: started again")
        shown = done(otpy("status", "b"))
        assert "backoff" in shown
        assert "next start" in shown
        assert done(otpy("restart", "b")).startswith("b: started, pid ")
