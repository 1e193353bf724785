"""The Python stacks of workers, however stuck they are."""

import os
import re
import signal
import time
from functools import partial
from pathlib import Path

import pytest

import otpy
from otpy.events import ChildStarting
from tests.runtime.test_calls import Asked
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S, descriptors

TREE = """
name: stuck
max_restarts: 100
children:
  - {id: a, start: "tests.support.stuck_workers:Stuck", args: [WORK/log], shutdown: brutal_kill}
  - id: pool
    children:
      - {id: b, start: "tests.support.stuck_workers:Stuck", args: [WORK/log]}
      - {id: c, command: [sleep, "1000"]}
"""


def stack_of(node: NodeUnderTest, name: str = "a") -> str:
    return node.client[name].stack(timeout=DEADLINE_S)


def functions(text: str) -> list[str]:
    """List the functions of a stack that has one thread, the most recent first."""
    return re.findall(r'File ".*", line \d+ in (\S+)', text)


def get_stuck(node: NodeUnderTest, how: str) -> Asked:
    client = node.client
    asked = Asked(lambda: client["a"].call(how, timeout=None))
    node.logged("stuck")
    return asked


@pytest.mark.parametrize(("how", "where"), [("spin", "spin"), ("sleep", "sleep_in_c")])
def test_a_worker_that_is_stuck_in_a_handler(nodes: Nodes, how: str, where: str) -> None:
    node = nodes.run(TREE)
    get_stuck(node, how)
    until = time.monotonic() + DEADLINE_S
    while functions(text := stack_of(node))[0] != where:  # it notes that first
        assert time.monotonic() < until
    assert "handle_call" in functions(text)
    assert "tests/support/stuck_workers.py" in text
    # It goes on as before.
    assert functions(stack_of(node))[0] == where


def test_a_worker_that_waits_is_not_disturbed(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    for _ in range(5):
        shown = functions(stack_of(node))
        assert "_serve" in shown
        assert shown[-1] == "run_forked"  # and nothing of the supervisor's
        assert node.call("a", "ping") == "pong"
    assert "_serve" in functions(stack_of(node, "pool/b"))
    assert node.incarnations() == dict.fromkeys(node.incarnations(), 1)


def test_every_thread_is_shown(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("a", "start_thread")
    text = stack_of(node)
    assert text.count("most recent call first") == 2
    assert "waits_elsewhere" in text
    assert "serve" in text


@pytest.mark.parametrize(
    "child",
    [
        '{id: a, start: "tests.support.workers:Remote", args: [WORK/log, [sleep_in_c]]}',
        '{id: a, start: "tests.support.stuck_workers:sleeps", args: [WORK/log]}',
    ],
)
def test_a_worker_that_is_stuck_in_its_init_or_is_a_function(nodes: Nodes, child: str) -> None:
    node = nodes.start(f"""
        name: early
        children:
          - id: deep
            children:
              - {child}
        """)
    node.next(ChildStarting, path="deep/a")
    node.until(lambda: any(entry[0] in ("init", "stuck") for entry in node.log()), "a start")
    assert functions(stack_of(node))[0] in ("sleep_in_c", "note")


def test_many_ask_at_once(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    get_stuck(node, "sleep")
    client = node.client
    names = ["a", "b"] * 10
    asked = [Asked(partial(client[name].stack, timeout=DEADLINE_S)) for name in names]
    for name, each in zip(names, asked, strict=True):
        text = each.result()
        assert ("sleep" in functions(text)) == (name == "a")
        assert text.count("most recent call first") == 1


def test_a_worker_that_is_stopped_is_given_up_and_the_next_is_served(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    os.kill(node.pids()["pool/b"], signal.SIGSTOP)
    with pytest.raises(otpy.CallTimeout, match="writes no stacks: it is stopped"):
        stack_of(node, "b")
    assert functions(stack_of(node, "a"))
    os.kill(node.pids()["pool/b"], signal.SIGCONT)
    assert node.call("b", "ping") == "pong"
    assert functions(stack_of(node, "b"))


def test_a_worker_that_blocks_the_signal_is_given_up(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("a", "block_signals")
    with pytest.raises(otpy.CallTimeout, match="blocks them"):
        stack_of(node)
    assert node.call("a", "ping") == "pong"


def test_who_dies_meanwhile_is_told(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    os.kill(node.pids()["a"], signal.SIGSTOP)
    client = node.client
    asked = [Asked(lambda: client["a"].stack(timeout=DEADLINE_S)) for _ in range(3)]
    with pytest.raises(otpy.CallTimeout):
        stack_of(node)  # so one of them, at least, has been under way
    node.kill("a")
    for each in asked:
        # Given up, dead while it was waited for, or asked only when it was back.
        assert isinstance(each.result(), otpy.CallTimeout | otpy.ProcessDown | otpy.NoProcess | str)
    assert node.call("a", "ping") == "pong"


def test_who_waits_behind_one_that_died_has_its_own_stack_and_once(nodes: Nodes) -> None:
    node = nodes.run("""
        name: behind
        children:
          - {id: a, start: "tests.support.stuck_workers:Stuck", args: [WORK/log]}
          - {id: b, start: "tests.support.stuck_workers:Stuck", args: [WORK/log]}
        """)
    os.kill(node.pids()["a"], signal.SIGSTOP)
    client = node.client
    asked = [Asked(partial(client[n].stack, timeout=DEADLINE_S)) for n in ("a", "a", "a", "b")]
    node.kill("a")
    for each in asked[:3]:
        each.result()
    assert asked[3].result().count("most recent call first") == 1


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("pool", "is a supervisor, not a worker"),
        ("c", "is a command, not a worker"),
        ("zzz", "no process is named"),
    ],
)
def test_who_has_no_python_stack(nodes: Nodes, name: str, complaint: str) -> None:
    node = nodes.run(TREE)
    with pytest.raises(otpy.NoProcess, match=complaint):
        stack_of(node, name)


def test_a_worker_that_has_become_another_program_is_not_harmed(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    pid = node.pids()["a"]
    get_stuck(node, "become_sleep")
    until = time.monotonic() + DEADLINE_S
    while not Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0"):
        assert time.monotonic() < until
    with pytest.raises(otpy.NoProcess, match="runs no Python"):
        stack_of(node)
    os.kill(pid, 0)
    assert node.incarnations()["a"] == 1


def test_programs_do_not_inherit_the_file(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert "otpy-stacks" not in str(descriptors(node.pids()["pool/c"]))
    assert str(descriptors(node.pids()["a"])).count("otpy-stacks") == 1
