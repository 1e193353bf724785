"""Number 6: `otpy.run` and `otpy.aio.run`, with real processes."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import otpy
import otpy.aio
from otpy import GenServer
from otpy.events import NodeStopping
from otpy.examples.counter import Counter
from otpy.system.nodedir import runtime_dir
from tests.support.node import Nodes
from tests.support.processes import DEADLINE_S, await_end, is_alive

COUNTER: Final = {"id": "counter", "start": "otpy.examples.counter:Counter"}


@pytest.fixture(autouse=True)
def _nothing_is_left(nodes: Nodes) -> Iterator[None]:
    yield
    assert nodes.processes() == []
    assert [entry.name for entry in nodes.place.iterdir() if "-" in entry.name] == []


def test_a_tree_runs_for_a_block_and_is_gone_after_it(capfd: pytest.CaptureFixture[str]) -> None:
    with otpy.run([COUNTER]) as node:
        assert node["counter"].call("increment", 5) == 5
        assert node.config == ""
        pid = node.pid
        assert os.getpgid(pid) == pid
        otpy.connect(node.name).close()  # others find it
    assert not is_alive(pid)
    assert not (runtime_dir() / node.name).exists()
    assert "counter: stopped (shutdown)" in capfd.readouterr().out


def test_start_may_be_a_class_and_a_value_a_path(tmp_path: Path) -> None:
    tree = {
        "strategy": "rest_for_one",
        "children": (
            {"id": "counter", "start": Counter, "args": (5,)},
            {"id": "pwd", "command": ["sh", "-c", "pwd > here; sleep 1000"], "cwd": tmp_path},
        ),
    }
    with otpy.run(tree) as node:
        assert node["counter"].call("get_count") == 5
        assert node.tree().find("pwd") is not None


def test_two_runs_of_a_file_do_not_meet_unless_it_has_a_name(nodes: Nodes) -> None:
    file = nodes.write(f"children: [{{id: counter, start: '{COUNTER['start']}'}}]", "app.yaml")
    with otpy.run(file) as one, otpy.run(str(file)) as other:
        one["counter"].call("increment", 1)
        assert other["counter"].call("get_count") == 0
        assert one.config == str(file)
        assert {one.name, other.name} == {
            f"app-{os.getpid()}-{number}"
            for number in (int(one.name.rpartition("-")[2]), int(other.name.rpartition("-")[2]))
        }
    named = {"name": "mine", "children": [COUNTER]}
    with (
        otpy.run(named) as one,
        pytest.raises(otpy.NodeAlreadyRunning, match="'mine'"),
        otpy.run(named),
    ):
        pass
    assert one.name == "mine"


def test_every_mistake_is_told_at_once() -> None:
    tree: Any = {
        "children": [
            {"id": "a", "start": "__main__:Server"},
            {"id": "b", "start": "no_such_module:Server", "restart": "always"},
            {"id": "c", "command": ["no-such-program"]},
        ]
    }
    with pytest.raises(otpy.SpecError) as caught, otpy.run(tree):
        pass
    assert [line.partition(": ")[0] for line in caught.value.mistakes] == [
        "tree.children[0].start",
        "tree.children[1].restart",
        "tree.children[1].start",
        "tree.children[2].command[0]",
    ]
    assert "a module that others can import" in caught.value.mistakes[0]


@pytest.mark.parametrize("args", [[object()], {"x": threading.Lock()}])
def test_arguments_that_no_message_carries_are_a_mistake(args: object) -> None:
    with (
        pytest.raises(otpy.SpecError, match=r"^tree.children\[0\].args: "),
        otpy.run([{**COUNTER, "args": args}]),
    ):
        pass


def test_a_class_that_no_other_process_can_import_is_a_mistake() -> None:
    class Local(GenServer):
        pass

    with (
        pytest.raises(
            otpy.SpecError, match=r"^tree.children\[0\].start: got 'Local', which a function"
        ),
        otpy.run([{"id": "x", "start": Local}]),
    ):
        pass


def test_a_child_that_fails_to_start_is_the_reason() -> None:
    child = {"id": "x", "start": "tests.support.starting_workers:FailsInInit"}
    with pytest.raises(otpy.StartFailed, match="child 'x' failed to start: error: ") as caught:
        _run_once([child])
    assert "Traceback" in caught.value.traceback


def test_a_tree_that_is_not_up_in_time_is_stopped() -> None:
    child = {
        "id": "x",
        "start": "tests.support.starting_workers:StuckInInit",
        "shutdown": "brutal_kill",
    }
    with pytest.raises(otpy.CallTimeout, match="was not up within 1 s"):
        _run_once([child], timeout=1)


def _run_once(tree: Any, **options: Any) -> None:
    with otpy.run(tree, **options):
        pytest.fail("it came up")


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_exception_in_the_block_stops_the_tree(error: BaseException) -> None:
    with pytest.raises(type(error)), otpy.run([COUNTER]):
        raise error


def test_a_node_that_gave_up_is_an_error_of_the_block() -> None:
    tree: Any = {"max_restarts": 0, "children": [COUNTER]}
    with pytest.raises(otpy.ProcessDown, match="gave up: 'counter' ended 1 times"):
        _kill_in(tree, "counter")


def _kill_in(tree: Any, path: str) -> None:
    with otpy.run(tree) as node:
        node.signal(path, signal.SIGKILL)
        assert await_end(node.pid)


def test_a_node_that_was_killed_is_an_error_and_leaves_nothing() -> None:
    sleeper = {"id": "sleeper", "command": ["sh", "-c", "setsid sleep 1000 & wait"]}
    with pytest.raises(otpy.ProcessDown, match="was ended by SIGKILL"):
        _kill_node([COUNTER, sleeper])


def _kill_node(tree: Any) -> None:
    with otpy.run(tree) as node:
        os.kill(node.pid, signal.SIGKILL)


def test_a_node_that_the_block_has_shut_down_ended_well() -> None:
    with otpy.run([COUNTER]) as node:
        node.shutdown()


def test_output_goes_where_it_is_wanted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / "log").open("wb") as log, otpy.run([COUNTER], stdout=log, stderr=log):
        pass
    assert "counter: started" in (tmp_path / "log").read_text()
    assert capfd.readouterr() == ("", "")


def test_threads_run_trees_of_their_own() -> None:
    """A fork of a program with threads would hang sooner or later; and who waits is no matter."""
    counts: list[int] = []

    def count(to: int) -> None:
        with otpy.run([COUNTER], stdout=subprocess.DEVNULL) as node:
            counts.append(node["counter"].call("increment", to))

    threads = [threading.Thread(target=count, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert sorted(counts) == [1, 2]


def test_a_fork_of_the_program_that_leaves_the_block_leaves_the_tree_alone() -> None:
    me = os.getpid()
    try:
        with otpy.run([COUNTER]) as node:
            if (pid := os.fork()) == 0:
                sys.exit()
            os.waitpid(pid, 0)
            assert node["counter"].call("increment", 1) == 1
    finally:
        if os.getpid() != me:
            os._exit(0)


def test_an_interruption_of_the_end_kills_what_is_left() -> None:
    """As the second Ctrl-C of `otpy run`: the first one may be what ended the block."""
    command = ["sh", "-c", "trap '' TERM; sleep 1000"]
    deaf = {"id": "deaf", "command": command, "shutdown": "infinity"}
    with pytest.raises(KeyboardInterrupt):
        _run_and_interrupt([deaf])


def _run_and_interrupt(tree: Any) -> None:
    with otpy.run(tree) as node:
        other = otpy.connect(node.name)  # the block's own is closed before the node stops
        events = other.events(follow=True)
        threading.Thread(target=_interrupt_once_it_stops, args=(other, events)).start()


def _interrupt_once_it_stops(node: otpy.Node, events: Any) -> None:
    with node:
        if any(isinstance(event, NodeStopping) for event in events):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_file_of_any_name_is_run(nodes: Nodes) -> None:
    """`otpy run` takes the node's name from it; here it has one of its own."""
    file = nodes.write("children: []", "my tree.yaml")
    with otpy.run(file) as node:
        assert node.name.startswith(f"my_tree-{os.getpid()}-")


def test_nobody_would_read_a_pipe() -> None:
    with pytest.raises(ValueError, match="nobody reads a pipe"):
        _run_once([COUNTER], stdout=subprocess.PIPE)


PROGRAM: Final = """
import os, sys, otpy
from my_servers import Mine
if __name__ == "__main__":
    with otpy.run([{"id": "mine", "start": Mine}]) as node:
        print("PIDS", node.pid, node["mine"].call("pid"), flush=True)
        sys.stdin.read()
"""
SERVERS: Final = """
import os
from otpy import GenServer, call
class Mine(GenServer):
    @call
    def pid(self):
        return os.getpid()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_end_of_the_program_is_that_of_the_tree(
    nodes: Nodes, tmp_path: Path, number: signal.Signals
) -> None:
    """Its modules are found where the program finds them: beside it, and not where it started."""
    (tmp_path / "my_servers.py").write_text(SERVERS)
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as program:
        assert program.stdout is not None
        line = next(line for line in program.stdout if line.startswith("PIDS"))
        program.send_signal(number)
        program.wait(DEADLINE_S)
        for pid in map(int, line.split()[1:]):
            assert await_end(pid)
        nodes.gone()


def test_a_tree_is_run_on_a_loop() -> None:
    async def count() -> int:
        async with otpy.aio.run([COUNTER]) as node:
            got: int = await node["counter"].call("increment", 5)
        return got

    assert asyncio.run(count()) == 5


def test_a_failed_start_is_told_on_a_loop() -> None:
    async def start() -> None:
        async with otpy.aio.run(
            [{"id": "x", "start": "tests.support.starting_workers:FailsInInit"}]
        ):
            pytest.fail("it came up")

    with pytest.raises(otpy.StartFailed, match="child 'x' failed to start"):
        asyncio.run(start())


def test_a_task_that_is_cancelled_stops_the_tree() -> None:
    async def cancel() -> int:
        up = asyncio.Event()
        pids: list[int] = []

        async def work() -> None:
            async with otpy.aio.run([COUNTER]) as node:
                pids.append(node.pid)
                up.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await up.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pids[0]

    assert not is_alive(asyncio.run(cancel()))
