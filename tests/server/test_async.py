"""Servers on an event loop: what awaits, what runs beside, and how it ends."""

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted, ChildStartFailed
from tests.runtime.test_calls import ask
from tests.support.node import Nodes, NodeUnderTest


def loops(nodes: Nodes, shutdown: str = "infinity", server: str = "Loops") -> NodeUnderTest:
    return nodes.start(f"""
        name: loops
        children:
          - {{id: a, start: "tests.support.async_workers:{server}", args: [WORK/log],
             shutdown: {shutdown}, restart: temporary}}
        """)


def test_plain_and_async_callbacks_may_be_mixed(nodes: Nodes) -> None:
    node = loops(nodes).up()
    assert node.call("a", "at_once", 5) == 5
    assert node.call("a", "pass_through", [1, 2]) == [1, 2]
    with pytest.raises(otpy.Refused, match="not today"):
        node.call("a", "refuse")
    with pytest.raises(otpy.UnknownRequest):
        node.call("a", "unknown")
    pending = [node.client["a"].send_request("pass_through", n) for n in range(500)]
    assert [each.result() for each in pending] == list(range(500))


def test_still_one_message_at_a_time_while_tasks_run_beside(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "open_later", 0.2)
    waits = node.client["a"].send_request("wait_until_open")
    after = node.client["a"].send_request("at_once", "after")
    node.logged("waits")
    assert not after.done()
    assert [waits.result(), after.result()] == ["open", "after"]
    assert node.log() == [["waits"], ["opens"]]


def test_tasks_run_while_the_server_waits_for_messages(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "open_later", 0.05)
    node.logged("opens")
    assert node.call("a", "wait_until_open") == "open"


def test_a_timeout_and_a_timer_come_while_it_waits(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.client["a"].cast("time_out", 0.01)
    node.logged("info", "timeout")


def test_a_crash_in_an_async_handler_is_told(nodes: Nodes) -> None:
    node = loops(nodes).up()
    with pytest.raises(otpy.ProcessDown) as caught:
        node.call("a", "crash")
    assert caught.value.reason == "error: LookupError: after a while"
    assert caught.value.traceback.splitlines()[-1] == "LookupError: after a while"
    assert "/otpy/runtime/" not in caught.value.traceback.splitlines()[1]
    assert node.next(ChildEnded, path="a").message == "call 'crash'"
    assert node.log() == [["terminate", "error: LookupError: after a while"]]


def test_a_handler_that_was_cancelled_crashed(nodes: Nodes) -> None:
    node = loops(nodes).up()
    with pytest.raises(otpy.ProcessDown, match="error: CancelledError"):
        node.call("a", "cancel_itself")


def test_the_reply_of_a_stop_comes_after_an_async_terminate(nodes: Nodes) -> None:
    node = loops(nodes).up()
    assert node.call("a", "stop", "bye") == "bye"
    assert node.log() == [["terminate", "done"]]
    assert node.next(ChildEnded, path="a").reason == "done"


def test_what_a_task_sends_to_its_own_server_arrives_while_it_waits(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "background", "sends")
    node.logged("info", "timeout")
    assert node.log() == [["info", "from a task"], ["info", "timeout"]]


def test_an_exception_of_a_task_is_reported_and_the_server_goes_on(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "background", "raises")
    node.says(r"^a . ValueError: in the background$")
    assert node.call("a", "at_once", 5) == 5


def test_a_task_that_exits_ends_the_server(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "background", "exits")
    assert node.next(ChildEnded, path="a").reason == "exit: 3"
    assert node.log() == [["terminate", "exit: 3"]]


def test_tasks_are_cancelled_after_terminate(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "background", "lasts")
    node.logged("task begins")
    assert node.stop() == 0
    assert node.log() == [["task begins"], ["terminate", "shutdown"], ["task cancelled"]]
    assert node.seen(ChildEnded, path="a")[0].reason == "shutdown"


def test_a_shutdown_waits_for_the_handler_that_awaits(nodes: Nodes) -> None:
    node = loops(nodes).up()
    node.call("a", "open_later", 0.2)
    waits = ask(node, "a", "wait_until_open")
    node.logged("waits")
    node.client.supervisor().terminate_child("a")
    assert waits.result() == "open"
    assert node.log() == [["waits"], ["opens"], ["terminate", "shutdown"]]


def test_a_handler_that_awaits_for_ever_is_killed_at_the_end_of_the_budget(nodes: Nodes) -> None:
    node = loops(nodes, shutdown="50ms").up()
    sleeps = ask(node, "a", "sleep_for_ever")
    node.logged("sleeps")
    node.client.supervisor().terminate_child("a")
    assert str(sleeps.result()) == "killed"


def test_an_async_init_may_fail(nodes: Nodes) -> None:
    node = loops(nodes, server="FailsToStart")
    assert node.wait() == 1
    failed = node.seen(ChildStartFailed, path="a")[0]
    assert failed.reason == "error: RuntimeError: no start"
    assert "asyncio/" not in failed.traceback
    assert node.log() == [["task cancelled"]]


def test_killed_while_it_awaits_it_comes_back(nodes: Nodes) -> None:
    node = nodes.run("""
        name: killed
        children:
          - {id: a, start: "tests.support.async_workers:Loops", args: [WORK/log]}
        """)
    sleeps = ask(node, "a", "sleep_for_ever")
    node.logged("sleeps")
    node.kill("a")
    assert str(sleeps.result()) == "killed"
    node.next(ChildStarted, path="a", incarnation=2)
    assert node.call("a", "pass_through", 1) == 1


def test_only_who_needs_it_pays_for_asyncio(nodes: Nodes) -> None:
    node = nodes.run("""
        name: pays
        children:
          - {id: plain, start: "tests.support.lean_workers:Plain"}
          - {id: loops, start: "tests.support.async_workers:Loops", args: [WORK/log]}
        """)
    assert node.call("plain", "modules") is False
    assert node.call("loops", "modules") is True


def test_an_async_function_receives_while_its_tasks_run(nodes: Nodes) -> None:
    node = nodes.run("""
        name: receives
        children:
          - {id: f, start: "tests.support.async_workers:answers", args: [WORK/log],
             restart: temporary}
        """)
    node.logged("ticked")  # while it waits for messages
    assert node.call("f", "hello") == ["answer to", "hello"]
    assert node.call("f", "wait", 0.01) == "no message within 0.01 s"
    waits = ask(node, "f", "wait", 60.0)
    node.client["f"].cast("a cast")
    assert waits.result() == "a cast"
    for number in range(100):
        node.client["f"].cast("note", number)
    node.client["f"].stop("because")
    assert node.next(ChildEnded, path="f").reason == "because"
    assert node.log()[1:] == [["received", ["note", number]] for number in range(100)]


def test_an_async_function_is_done_when_it_returns(nodes: Nodes) -> None:
    node = nodes.run("""
        name: returns
        children:
          - {id: f, start: "tests.support.async_workers:answers", args: [WORK/log],
             restart: temporary}
        """)
    node.client["f"].cast("end")
    assert node.next(ChildEnded, path="f").reason == "normal"


def test_a_function_may_be_async(nodes: Nodes) -> None:
    node = nodes.run("""
        name: functions
        children:
          - {id: a, start: "tests.support.async_workers:function", args: [WORK/log],
             restart: transient}
        """)
    node.client["a"].cast("hello")
    assert node.next(ChildEnded, path="a").reason == "normal"
    assert node.log() == [["received", "hello"]]
