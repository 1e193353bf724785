"""`Ref.stop` and `otpy.stop`: an orderly end with a reason, from outside (gen_server:stop)."""

import asyncio
import os
from pathlib import Path

import pytest

import otpy
from otpy import aio, tasks
from otpy.events import ChildEnded, ChildStarted
from tests.runtime.test_calls import Asked, ask
from tests.support.askers import ASKERS, asker, with_askers
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S


def stopping(
    nodes: Nodes,
    who: str = "client",
    how: str = "note",
    *,
    server: str = "Stopping",
    restart: str = "temporary",
    others: str = "",
) -> NodeUnderTest:
    tree = f"""
        name: stopping
        max_restarts: 100
        children:
          - {{id: a, start: "tests.support.contract_workers:{server}",
             args: [WORK/log, {how}], restart: {restart}}}
{others}"""
    return nodes.run(with_askers(tree, who))


@pytest.fixture(params=ASKERS)
def who(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("server", ["Stopping", "StoppingUntrapped"])
@pytest.mark.parametrize(
    ("reason", "words", "clean"),
    [
        ("normal", "normal", True),
        ("shutdown", "shutdown", True),
        (("shutdown", "for lunch"), "shutdown: for lunch", True),
        ("because", "because", False),
        (5, "5", False),
    ],
)
def test_it_ends_with_that_reason_after_terminate(
    nodes: Nodes, server: str, reason: object, words: str, clean: bool
) -> None:
    node = stopping(nodes, server=server)
    pid = node.client["a"].pid
    node.client["a"].stop(reason)
    assert not Path(f"/proc/{pid}").exists()
    assert node.log() == [["terminate", words]]
    end = node.next(ChildEnded, path="a")
    assert (end.reason, end.clean, end.asked) == (words, clean, False)


def test_whoever_stops_it_waits_until_it_is_gone(nodes: Nodes, who: str) -> None:
    node = stopping(nodes, who)
    pid = node.client["a"].pid
    asker(who, node).do("stop", "a", ["shutdown", "for lunch"])
    assert not Path(f"/proc/{pid}").exists()
    assert node.log() == [["terminate", "shutdown: for lunch"]]


def test_a_suspended_server_is_stopped_by_anybody(nodes: Nodes, who: str) -> None:
    node = stopping(nodes, who)
    node.client["a"].suspend()
    asker(who, node).do("stop", "a", "because")
    assert node.next(ChildEnded, path="a").reason == "because"
    assert node.log() == [["terminate", "because"]]


def test_nobody_stops_himself(nodes: Nodes) -> None:
    node = nodes.run(with_askers("name: nobody\nchildren:"))
    for who in ("worker", "aio-worker"):
        with pytest.raises(otpy.CallingSelf):
            asker(who, node).do("stop", who)
        assert node.client[who].incarnation == 1


def test_what_was_sent_before_is_handled_before(nodes: Nodes, who: str) -> None:
    node = stopping(nodes, who)
    os.mkfifo(nodes.work / "log.fifo")
    waits = ask(node, "a", "wait")
    node.logged("waits")
    for number in range(500):
        node.client["a"].cast("add", number)
    stop = Asked(lambda: asker(who, node).do("stop", "a"))
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert waits.result() == "waited"
    assert stop.result() is None
    assert node.log() == [["waits"], *([n] for n in range(500)), ["terminate", "normal"]]


def test_a_permanent_child_comes_back(nodes: Nodes, who: str) -> None:
    node = stopping(nodes, who, restart="permanent")
    for incarnation in (1, 2, 3):
        assert node.client["a"].incarnation == incarnation
        asker(who, node).do("stop", "a")
        node.next(ChildStarted, path="a", incarnation=incarnation + 1)
    assert node.client["a"].call("timeout_soon") == "soon"


def test_callers_that_wait_are_told_the_reason(nodes: Nodes, who: str) -> None:
    tree = """
        name: waiting
        children:
          - {id: a, start: "tests.support.workers:Contract", args: [WORK/log],
             restart: temporary}
        """
    node = nodes.run(with_askers(tree, who))
    asked = ask(node, "a", "return", "NoReply")
    node.logged("call", "NoReply")
    asker(who, node).do("stop", "a", "over")
    assert str(asked.result()) == "over"


@pytest.mark.parametrize(
    ("how", "reason"), [("raise", "error: LookupError: terminate failed"), ("kill", "killed")]
)
def test_an_end_with_another_reason_is_told(nodes: Nodes, who: str, how: str, reason: str) -> None:
    node = stopping(nodes, who, how)
    with pytest.raises(otpy.ProcessDown) as caught:
        asker(who, node).do("stop", "a", "because")
    assert caught.value.reason == reason


def test_nobody_is_there_to_be_stopped(nodes: Nodes, who: str) -> None:
    node = stopping(
        nodes,
        who,
        others="""
          - {id: program, command: [sleep, "100000"]}
          - {id: branch, children: []}
        """,
    )
    asker(who, node).do("stop", "a")
    for name in ("a", "nobody", "program", "branch", "@gateway"):
        with pytest.raises(otpy.NoProcess):
            asker(who, node).do("stop", name)


def test_a_timeout_leaves_it_to_stop_when_it_comes_to_it(nodes: Nodes, who: str) -> None:
    node = stopping(nodes, who)
    os.mkfifo(nodes.work / "log.fifo")
    waits = ask(node, "a", "wait")
    node.logged("waits")
    # Long enough to be sent by one that has never talked to `a`, on a busy machine too.
    with pytest.raises(otpy.CallTimeout, match=r"'a' did not end within 2 s"):
        asker(who, node).do("stop", "a", timeout=2)
    with pytest.raises(ValueError, match="timeout is seconds above zero"):
        node.client["a"].stop(timeout=0)
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert waits.result() == "waited"
    assert node.next(ChildEnded, path="a").reason == "normal"


def test_a_reason_that_cannot_be_sent_stops_nobody(nodes: Nodes) -> None:
    node = stopping(nodes)
    with pytest.raises(otpy.NotSendable):
        node.client["a"].stop(object())
    assert node.call("a", "timeout_soon") == "soon"


def test_killed_while_it_should_stop(nodes: Nodes, who: str) -> None:
    node = stopping(nodes, who)
    os.mkfifo(nodes.work / "log.fifo")
    waits = ask(node, "a", "wait")
    node.logged("waits")
    stop = Asked(lambda: asker(who, node).do("stop", "a"))
    node.kill("a")
    # Asked too late, it was gone.
    assert str(stop.result()) in {"killed", "no process is named 'a'"}
    assert str(waits.result()) == "killed"


def test_a_killed_gateway_is_asked_again_and_nobody_stopped_twice(nodes: Nodes) -> None:
    node = stopping(nodes, restart="permanent")
    os.mkfifo(nodes.work / "log.fifo")
    waits = ask(node, "a", "wait")
    node.logged("waits")
    stop = Asked(node.client["a"].stop)
    node.recover("@gateway")
    (nodes.work / "log.fifo").write_bytes(b"go on")
    assert waits.result() == "waited"
    assert stop.result() is None
    node.next(ChildStarted, path="a", incarnation=2)
    assert node.client["a"].call("timeout_soon", timeout=DEADLINE_S) == "soon"


def test_a_function_is_stopped_where_it_receives(nodes: Nodes) -> None:
    node = nodes.run("""
        name: functions
        children:
          - {id: a, start: "tests.support.workers:answers", args: [WORK/log], restart: temporary}
        """)
    node.client["a"].cast("note", 1)
    node.client["a"].stop("because")
    assert node.log() == [["received", ["note", 1]]]
    assert node.next(ChildEnded, path="a").reason == "because"


def test_an_async_server_stops_too_and_by_the_asyncio_client(nodes: Nodes) -> None:
    node = nodes.run("""
        name: loops
        children:
          - {id: a, start: "tests.support.async_workers:Loops", args: [WORK/log],
             restart: temporary}
        """)

    async def stop() -> None:
        async with aio.connect("loops") as client:
            await client["a"].cast("time_out", 3600.0)
            await client["a"].stop("because")
            with pytest.raises(otpy.NoProcess):
                await client["a"].stop()

    asyncio.run(stop())
    assert node.log() == [["terminate", "because"]]
    assert node.next(ChildEnded, path="a").reason == "because"


def test_a_task_is_stopped_by_its_name_once_its_function_has_returned(
    nodes: Nodes, who: str
) -> None:
    node = nodes.run(with_askers("name: tasks\nchildren:\n  - {id: tasks, strategy: dynamic}", who))
    fifo = nodes.work / "fifo"
    os.mkfifo(fifo)
    name = tasks.start("tests.support.task_workers:wait_for", str(fifo), 5, node=node.client)
    stop = Asked(lambda: asker(who, node).do("stop", name))
    fifo.write_bytes(b"go on")
    result = stop.result()
    # Asked too late, it was gone.
    assert result is None or isinstance(result, otpy.NoProcess)
    assert node.next(ChildEnded, path=name).reason == "normal"
