"""Tasks: functions in processes of their own, awaited by the worker that began them."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otpy import (
    CallTimeout,
    NoProcess,
    NotSendable,
    OtpyError,
    ProcessDown,
    Refused,
    UnknownRequest,
    aio,
    tasks,
)
from otpy.events import ChildEnded, ChildRemoved, ChildStarted
from tests.support import task_workers
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end, descriptors

TREE = """
    name: tasks
    max_restarts: 20
    children:
      - {id: tasks, strategy: dynamic, max_restarts: 0}
      - {id: owner, start: "tests.support.task_owners:Owner", args: [WORK/log]}
    """


def running(node: NodeUnderTest) -> list[str]:
    return [child.id for child in node.client.supervisor("tasks").which_children()]


def gone(node: NodeUnderTest, path: str) -> None:
    """Wait until a task has left its supervisor."""
    node.until(lambda: node.seen(ChildRemoved, path=path), f"the end of {path}")


def test_a_function_runs_in_a_process_of_its_own(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert node.call("owner", "run", "add", 2, 3) == 5
    pid, name = node.call("owner", "run", "identity")
    assert name == "tasks/owner-1-2"
    assert pid not in (node.pids()["owner"], node.pids()["tasks"])
    gone(node, name)
    ended = node.next(ChildEnded, path="tasks/owner-1-1")
    assert (ended.reason, ended.clean) == ("normal", True)
    assert running(node) == []
    assert node.call("owner", "several", 10) == list(range(100, 110))


def test_begun_tasks_run_while_the_owner_goes_on(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    fifo = str(nodes.work / "fifo")
    os.mkfifo(fifo)
    name, pid = node.call("owner", "begin", "wait_for", fifo, "an answer")
    assert node.pids()[name] == pid
    assert running(node) == [name.removeprefix("tasks/")]
    assert node.call("owner", "done") is False
    assert node.call("owner", "result", 0.01) == [
        "CallTimeout",
        f"{name!r} did not end within 0.01 s",
    ]
    (nodes.work / "fifo").write_bytes(b"go on")
    assert node.call("owner", "result") == "an answer"
    assert node.call("owner", "result") == "an answer"
    assert node.call("owner", "done") is True


@pytest.mark.parametrize(
    ("function", "args", "error"),
    [
        ("divide", [0], ["ProcessDown", "error: ZeroDivisionError: division by zero"]),
        ("kill_itself", [], ["ProcessDown", "killed"]),
        ("kill_itself", [int(signal.SIGSEGV)], ["ProcessDown", "signal: SIGSEGV"]),
        ("refuse", [], ["Refused", "not now"]),
    ],
)
def test_what_goes_wrong_is_an_error_to_the_owner(
    nodes: Nodes, function: str, args: list[Any], error: list[str]
) -> None:
    node = nodes.run(TREE)
    assert node.call("owner", "run", function, *args) == error
    gone(node, "tasks/owner-1-1")
    assert node.call("owner", "run", "add", 1) == 1
    assert node.incarnations()["owner"] == node.incarnations()["tasks"] == 1


def test_the_traceback_is_the_functions(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("owner", "begin", "divide", 0)
    traceback = node.call("owner", "traceback")
    assert "in divide" in traceback
    assert "otpy/runtime" not in traceback


def test_a_result_that_pickle_cannot_carry(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    kind, text = node.call("owner", "run", "unsendable")
    assert kind == "NotSendable"
    assert "not this one" in text
    gone(node, "tasks/owner-1-1")


def test_a_large_result_waits_for_its_owner(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    name, _ = node.call("owner", "begin", "many_bytes", 3 << 20)
    assert len(node.call("owner", "result")) == 3 << 20
    gone(node, name)
    # And goes with it.
    name, pid = node.call("owner", "begin", "many_bytes", 3 << 20)
    node.recover("owner")
    assert await_end(pid)


@pytest.mark.parametrize("how", ["python", "c"])
def test_a_killed_task_is_an_error_and_never_a_hang(nodes: Nodes, how: str) -> None:
    node = nodes.run(TREE)
    name, pid = node.call("owner", "begin", "hang", str(nodes.work / "log"), "it", how)
    node.logged("hangs", "it", pid)
    os.kill(pid, signal.SIGKILL)
    assert node.call("owner", "result") == ["ProcessDown", "killed"]
    assert node.next(ChildEnded, path=name).reason == "killed"


def test_who_kills_the_supervisor_kills_its_tasks(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    _, pid = node.call("owner", "begin", "hang", str(nodes.work / "log"))
    node.recover("tasks")
    assert node.call("owner", "result") == ["ProcessDown", "killed"]
    assert await_end(pid)
    assert node.call("owner", "run", "add", 1) == 1


@pytest.mark.parametrize("end", ["kill", "crash", "stop"])
@pytest.mark.parametrize("how", ["python", "c"])
def test_the_owners_end_ends_its_tasks(nodes: Nodes, end: str, how: str) -> None:
    node = nodes.run(TREE)
    name, pid = node.call("owner", "begin", "hang", str(nodes.work / "log"), "it", how)
    node.logged("hangs", "it", pid)
    if end == "kill":
        node.kill("owner")
    else:
        node.client["owner"].cast(end)
    assert node.next(ChildEnded, path=name).reason == "shutdown"
    assert await_end(pid)
    node.until(lambda: node.seen(ChildStarted, path="owner", incarnation=2), "the next owner")
    assert running(node) == []


def test_but_not_those_without_a_link(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    log = str(nodes.work / "log")
    _, pid = node.call("owner", "begin", "hang", log, "linked")
    name, other = node.call("owner", "begin_nolink", "hang", log, "not linked")
    node.logged("hangs", "not linked", other)
    node.recover("owner")
    assert await_end(pid)
    assert node.pids()[name] == other
    assert running(node) == [name.removeprefix("tasks/")]
    node.client.supervisor("tasks").terminate_child(name.removeprefix("tasks/"))
    assert await_end(other)
    # Ids go on with the owner's next life.
    assert node.call("owner", "begin", "add", 1)[0] == "tasks/owner-2-1"


def test_a_task_is_shut_down(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    name, pid = node.call("owner", "begin", "hang", str(nodes.work / "log"))
    assert node.call("owner", "shutdown") is None
    assert await_end(pid)
    assert node.next(ChildEnded, path=name).reason == "shutdown"
    name, _ = node.call("owner", "begin", "add", 5)
    gone(node, name)
    assert node.call("owner", "shutdown") == 5


def test_a_task_that_nobody_awaits(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    name = node.call("owner", "start", "noted", str(nodes.work / "log"), "hello")
    node.logged("runs", "hello")
    assert node.next(ChildEnded, path=name).reason == "normal"
    name = node.call("owner", "start", "divide", 0)
    assert node.next(ChildEnded, path=name).reason.startswith("error: ZeroDivisionError")


@pytest.mark.parametrize(
    ("what", "kind", "text"),
    [
        ("lambda", "NotSendable", "cannot send <function TaskCalls.wrong"),
        ("argument", "NotSendable", "not this one"),
        ("no function", "TypeError", "a task is a function, got 5"),
        ("no supervisor", "NoProcess", "no process is named 'nowhere'"),
        ("a worker", "NoProcess", "'owner' is a worker, not a supervisor"),
        ("elsewhere", "NotSendable", "a task is awaited by the process that began it"),
        ("concurrency", "ValueError", "max_concurrency is an integer from 1 on, got 0"),
        ("timeout", "ValueError", "timeout is seconds above zero or None, got 0"),
        ("on_error", "ValueError", "on_error is raise or yield, got 'ignore'"),
    ],
)
def test_bad_input_is_one_clear_error(
    shared: Callable[[str], NodeUnderTest], what: str, kind: str, text: str
) -> None:
    error, said = shared(TREE).call("owner", "wrong", what)
    assert error == kind
    assert text in said


def test_only_the_owner_awaits(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert b"is awaited by the process that began it" in node.call("owner", "in_a_fork")


def test_a_fork_holds_nothing_of_its_parents_tasks(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    before = node.call("owner", "descriptors")
    node.call("owner", "fork_and_begin", str(nodes.work / "log"))
    node.until(node.log, "the fork")
    ((_, _, fork),) = node.log()
    assert node.call("owner", "descriptors") > before
    assert not [fd for fd in descriptors(fork).values() if "pidfd" in fd]


def test_without_a_supervisor_of_tasks_and_with_a_full_one(nodes: Nodes) -> None:
    node = nodes.run("""
        {name: none, children: [{id: owner, start: "tests.support.task_owners:Owner", args: [x]}]}
        """)
    assert node.call("owner", "run", "add", 1) == [
        "NoProcess",
        (
            "no process is named 'tasks';"
            " tasks need a supervisor such as {id: tasks, strategy: dynamic}"
        ),
    ]
    node.client.supervisor().start_child({"id": "tasks", "strategy": "dynamic", "max_children": 0})
    assert node.call("owner", "run", "add", 1) == [
        "SupervisorError",
        "max_children: 0 of 0 children",
    ]


def test_nothing_is_left_of_many(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    node.call("owner", "run", "add", 1)
    before = node.call("owner", "descriptors")
    assert node.call("owner", "several", 30) == list(range(100, 130))
    assert node.call("owner", "run", "kill_itself") == ["ProcessDown", "killed"]
    assert node.call("owner", "descriptors") == before


def none_is_left(node: NodeUnderTest) -> None:
    node.until(lambda: not running(node), "the end of all tasks")


def stream(
    node: NodeUnderTest, name: str, first: list[Any], items: list[Any], **options: Any
) -> list[Any]:
    result = node.call("owner", "stream", name, first, items, {"timeout": 60, **options})
    assert isinstance(result, list)
    return result


def test_a_stream_keeps_the_order(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    assert stream(node, "add", [100], list(range(12)), max_concurrency=3) == list(range(100, 112))
    assert stream(node, "add", [100], []) == []
    os.mkfifo(nodes.work / "fifo")
    fifo = str(nodes.work / "fifo")
    waiting = node.client["owner"].send_request(
        "stream", "first_is_slow", [fifo], [0, 1, 2], {"max_concurrency": 2, "timeout": 60}
    )
    # All others are done, and wait for the first.
    node.until(lambda: len(node.seen(ChildRemoved)) == 12 + 2, "the end of the others")
    (nodes.work / "fifo").write_bytes(b"go on")
    assert waiting.result(60) == [0, 1, 2]


def test_a_stream_without_order_gives_what_is_there(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    os.mkfifo(nodes.work / "fifo")
    fifo = str(nodes.work / "fifo")
    options = {"max_concurrency": 2, "timeout": 60, "ordered": False}
    waiting = node.client["owner"].send_request(
        "stream", "first_is_slow", [fifo], [0, 1, 2], options
    )
    node.until(lambda: len(node.seen(ChildRemoved)) == 2, "the end of the others")
    (nodes.work / "fifo").write_bytes(b"go on")
    # The owner may look only when the first is done, too.
    assert waiting.result(60) in ([1, 2, 0], [1, 0, 2])


def test_a_task_of_a_stream_that_takes_too_long_is_ended(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    late = ["CallTimeout", "'tasks/owner-1-1' did not end within 0.2 s"]
    log = str(nodes.work / "log")
    assert stream(node, "one_hangs", [log], [1], timeout=0.2, on_error="yield") == [late]
    none_is_left(node)
    assert stream(node, "one_hangs", [log], [1], timeout=0.2)[0][:2] == ["raised", "CallTimeout"]
    none_is_left(node)


def test_an_error_ends_the_stream_or_stands_in_its_place(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    killed = ["ProcessDown", "killed"]
    assert stream(node, "one_is_killed", [], [0, 1, 2], on_error="yield") == [0, killed, 2]
    assert stream(node, "one_is_killed", [], [0, 1, 2]) == [0, ["raised", *killed]]
    assert stream(node, "divide", [], [1, 0], linked=False)[1] == [
        "raised",
        "ProcessDown",
        "error: ZeroDivisionError: division by zero",
    ]
    none_is_left(node)


def test_who_takes_one_result_ends_the_rest_and_takes_no_more_items(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    os.mkfifo(nodes.work / "log.fifo")
    taken = node.client["owner"].send_request("first_of_stream", str(nodes.work / "log"))
    node.until(node.log, "one that hangs")
    (nodes.work / "log.fifo").write_bytes(b"go on")
    first, item = taken.result(60)
    assert first == 0
    assert item < 20
    none_is_left(node)


def test_the_owners_end_ends_its_stream(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    log = str(nodes.work / "log")
    node.client["owner"].send_request("stream", "one_hangs", [log], [1, 1], {"timeout": 60})
    node.until(lambda: len(node.log()) == 2, "two that hang")
    pids = [entry[2] for entry in node.log()]
    node.recover("owner")
    assert all(await_end(pid) for pid in pids)


def test_a_stream_stops_at_max_children(nodes: Nodes) -> None:
    node = nodes.run(TREE.replace("max_restarts: 0", "max_children: 2"))
    log = str(nodes.work / "log")
    assert stream(node, "one_hangs", [log], [1, 1, 1], max_concurrency=3) == [
        ["raised", "SupervisorError", "max_children: 2 of 2 children"]
    ]
    none_is_left(node)


# ---- of a client -----------------------------------------------------------------------------


def test_a_client_begins_tasks_by_the_names_of_functions(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    task = tasks.async_("tests.support.task_workers:add", 2, 3, node=node.client)
    assert task.name.startswith(f"tasks/client-{os.getpid()}-")
    assert tasks.await_(task, timeout=60) == 5
    gone(node, task.name)
    assert tasks.await_(tasks.async_(task_workers.add, 5, node=node.client), timeout=60) == 5
    path = tasks.start(task_workers.noted, str(nodes.work / "log"), "hi", node=node.client)
    node.logged("runs", "hi")
    gone(node, path)
    results = tasks.stream(task_workers.one_is_killed, range(3), node=node.client, on_error="yield")
    assert [str(result) for result in results] == ["0", "killed", "2"]
    none_is_left(node)


def test_what_goes_wrong_is_an_error_to_the_client(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    with pytest.raises(ProcessDown, match="ZeroDivisionError") as caught:
        tasks.await_(tasks.async_(task_workers.divide, 0, node=node.client), timeout=60)
    assert "in divide" in caught.value.traceback
    with pytest.raises(ProcessDown, match="ModuleNotFoundError"):
        tasks.await_(tasks.async_("nowhere:f", node=node.client), timeout=60)
    with pytest.raises(NotSendable):
        tasks.async_(lambda: 5, node=node.client)
    with pytest.raises(NotSendable):
        tasks.async_(task_workers.add, object(), node=node.client)
    with pytest.raises(NoProcess, match="not a supervisor"):
        tasks.async_(task_workers.add, 1, node=node.client, supervisor="owner")
    with pytest.raises(OtpyError, match="not a worker"):
        tasks.async_(task_workers.add, 1)
    log = str(nodes.work / "log")
    task = tasks.async_(task_workers.hang, log, node=node.client)
    assert tasks.shutdown(task) is None
    none_is_left(node)


def test_awaiting_many_ends_as_soon_as_one_fails(nodes: Nodes) -> None:
    """4.16."""
    node = nodes.run(TREE)
    log = str(nodes.work / "log")
    hangs = tasks.async_(task_workers.hang, log, node=node.client)
    for function, args, error in (
        (task_workers.divide, [0], ProcessDown),
        (task_workers.refuse, [], Refused),
        (task_workers.kill_itself, [], ProcessDown),
    ):
        fails = tasks.async_(function, *args, node=node.client)
        with pytest.raises(error):
            tasks.await_many([hangs, fails], timeout=60)
        with pytest.raises(error):
            tasks.await_many([hangs, fails], timeout=60)  # the same again
    with pytest.raises(CallTimeout, match=r"did not end within 0.01 s"):
        tasks.await_many([hangs], timeout=0.01)
    added = [tasks.async_(task_workers.add, n, node=node.client) for n in range(3)]
    assert tasks.await_many([*added, added[0]], timeout=60) == [0, 1, 2, 0]
    assert tasks.await_many(added, timeout=60) == [0, 1, 2]
    assert tasks.await_many([]) == []
    assert tasks.shutdown(hangs) is None
    none_is_left(node)


@pytest.mark.parametrize("shutdown", [-1, "5s", None, True, float("nan"), float("inf")])
def test_a_wrong_budget_is_told_at_once(shutdown: Any) -> None:
    """4.16; no node is asked."""
    nothing: Any = object()
    for begin in (tasks.async_, tasks.async_nolink, tasks.start):
        with pytest.raises(ValueError, match="shutdown is seconds from zero on, got"):
            begin(task_workers.add, 1, shutdown=shutdown, node=nothing)
    with pytest.raises(ValueError, match="shutdown is seconds from zero on, got"):
        tasks.stream(task_workers.add, [1], shutdown=shutdown, node=nothing)

    async def on_a_loop() -> None:
        for begin in (aio.tasks.async_, aio.tasks.async_nolink, aio.tasks.start):
            with pytest.raises(ValueError, match="shutdown is seconds from zero on, got"):
                await begin(task_workers.add, 1, shutdown=shutdown, node=nothing)
        with pytest.raises(ValueError, match="shutdown is seconds from zero on, got"):
            aio.tasks.stream(task_workers.add, [1], shutdown=shutdown, node=nothing)

    asyncio.run(on_a_loop())


def test_a_task_that_nobody_awaits_ends_though_it_refuses(nodes: Nodes) -> None:
    """4.4."""
    node = nodes.run(TREE)
    name = tasks.start(task_workers.refuse, node=node.client)
    ended = node.next(ChildEnded, path=name)
    assert ended.reason == "error: Refused: not now"
    node.says("Refused: not now$")
    name = tasks.start("nowhere:f", node=node.client)
    assert "ModuleNotFoundError" in node.next(ChildEnded, path=name).reason
    name = node.call("owner", "start", "refuse")
    assert node.next(ChildEnded, path=name).reason == "error: Refused: not now"
    none_is_left(node)


def test_nobody_takes_the_place_of_a_task_that_has_ended(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    ref = node.client._start_task("tasks", 5.0, linked=True)
    os.kill(node.pids()[ref.name], signal.SIGKILL)
    gone(node, ref.name)
    with pytest.raises(ProcessDown, match="killed"):
        ref.call("run")
    with pytest.raises(ProcessDown, match="killed"):
        ref.send_request("run").result()
    ref.cast("run")  # a cast never fails


class Evil:
    """What makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return os.mkdir, (self._folder,)


def test_what_a_client_sends_is_never_unpickled(nodes: Nodes) -> None:
    """5.4: not even where a worker's function is expected."""
    node = nodes.run(TREE)
    folder = nodes.work / "unpickled"
    evil = pickle.dumps(Evil(folder))
    for wrong in (evil, [evil], {"pickled": evil}, (evil,)):
        ref = node.client._start_task("tasks", 5.0, linked=False)
        with pytest.raises(UnknownRequest):
            ref.call("run", wrong, timeout=60)
    assert not folder.exists()


def test_the_clients_end_ends_its_tasks(nodes: Nodes) -> None:
    node = nodes.run(TREE)
    log = str(nodes.work / "log")
    script = f"""
import otpy, signal
from otpy import tasks
from tests.support import task_workers
with otpy.connect("tasks") as node:
    for begin, name in ((tasks.async_, "linked"), (tasks.async_nolink, "not linked")):
        begin(task_workers.hang, {log!r}, name, node=node)
    signal.pause()
"""
    client = subprocess.Popen([sys.executable, "-c", script])
    node.until(lambda: len(node.log()) == 2, "two that hang")
    pids = {name: pid for _, name, pid in node.log()}
    client.kill()
    client.wait()
    assert await_end(pids["linked"])
    node.until(lambda: len(running(node)) == 1, "the other alone")
    assert pids["not linked"] in node.pids().values()


def test_an_async_server_awaits_tasks_on_its_loop(nodes: Nodes) -> None:
    node = nodes.run(TREE.replace(":Owner", ":AsyncOwner"))
    assert node.call("owner", "run", "add", 2, 3) == 5
    assert node.call("owner", "run", "kill_itself") == ["ProcessDown", "killed"]
    assert node.call("owner", "run", "divide", 0)[1].startswith("error: ZeroDivisionError")
    assert node.call("owner", "run", "many_bytes", 1 << 20) == bytes(1 << 20)
    assert node.call("owner", "several", 5) == list(range(100, 105))
    assert node.call("owner", "within", 0.05) == "too late None"
    none_is_left(node)
