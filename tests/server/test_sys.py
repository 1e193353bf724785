"""System messages (sys.erl), whoever asks: a client or another worker."""

from collections.abc import Callable
from typing import Any

import pytest

import otpy
from otpy.events import ChildEnded
from tests.runtime.test_calls import Asked, ask
from tests.support.askers import ASKERS, Asker, answer, asker, needed, with_askers
from tests.support.node import Nodes, NodeUnderTest

TREE = """
    name: sys
    max_restarts: 100
    children:
      - {id: a, start: "tests.support.stateful:Keeper", args: [WORK/log], shutdown: 500ms}
      - {id: program, command: [sleep, "1000"]}
      - id: pool
        children:
          - {id: deep, start: "tests.support.stateful:Asynchronous", args: [WORK/log]}
          - {id: f, start: "tests.support.workers:answers", args: [WORK/log]}
"""


@pytest.fixture
def node(nodes: Nodes, request: pytest.FixtureRequest) -> NodeUnderTest:
    return nodes.run(with_askers(TREE, *needed(request)))


@pytest.fixture(params=ASKERS)
def who(node: NodeUnderTest, request: pytest.FixtureRequest) -> Asker:
    return asker(request.param, node)


def test_the_state_is_shown_and_replaced(who: Asker) -> None:
    for name in ("a", "deep", "pool/deep"):
        state = who.do("sys.get_state", name)
        assert (state["count"], state["secret"]) == (0, "open sesame")
    state = who.do("sys.replace_state", "a", {"count": 41, "callers": [1]})
    assert (state["count"], state["callers"]) == (41, [1])
    assert who.call("a", "increment") == 42
    with pytest.raises(otpy.Refused, match="no attribute 'third'"):
        who.do("sys.replace_state", "a", {"count": 5, "third": 3})
    assert who.do("sys.get_state", "a")["count"] == 42


def test_a_suspended_server_takes_no_messages(who: Asker) -> None:
    for name in ("a", "deep"):
        assert who.do("sys.suspend", name) is None
        assert who.do("sys.statistics", name).suspended
        with pytest.raises(otpy.CallTimeout):
            who.call(name, "increment", timeout=1.0)  # some have to connect first
        assert who.do("sys.get_state", name)["count"] == 0
        assert who.do("sys.resume", name) is None
        assert who.call(name, "increment") == 2  # what timed out was done all the same
        assert not who.do("sys.statistics", name).suspended


def test_statistics_tell_of_one_that_is_stuck(node: NodeUnderTest, who: Asker) -> None:
    pid = node.client["a"].pid
    ask(node, "a", "hang")
    node.logged("hangs")
    statistics = who.do("sys.statistics", "a")
    assert isinstance(statistics, otpy.Statistics)
    assert (statistics.path, statistics.pid, statistics.messages) == ("a", pid, 1)
    assert statistics.busy is not None
    with pytest.raises(otpy.CallTimeout, match=r"'a' did not answer within 0.1 s"):
        who.do("sys.get_state", "a", timeout=0.1)


def test_the_end_of_the_server_is_told(node: NodeUnderTest, who: Asker) -> None:
    node.client["a"].suspend()
    pending = node.client["a"].send_request("fail", "boom")
    who.do("sys.resume", "a")
    with pytest.raises(otpy.ProcessDown, match="boom"):
        pending.result(None)
    node.next(ChildEnded, path="a")
    assert who.do("sys.get_state", "a")["count"] == 0  # of the next incarnation
    hanging = ask(node, "a", "hang")
    node.logged("hangs")
    asked = Asked(lambda: who.do("sys.get_state", "a", timeout=None))
    node.kill("a")
    hanging.result()
    result: Any = asked.result()
    # Asked too late, the next incarnation answers.
    assert isinstance(result, dict) or str(result) == "killed"


@pytest.mark.parametrize("path", ASKERS)
@pytest.mark.parametrize("what", ["get_state", "suspend", "resume"])
def test_who_is_no_server(shared: Callable[[str], NodeUnderTest], path: str, what: str) -> None:
    who = asker(path, shared(with_askers(TREE)))
    for name, complaint in (
        ("pool", "is a supervisor, not a server"),
        ("program", "is a command, not a server"),
        ("f", "is a function, not a server"),
        ("nobody", "no process is named"),
    ):
        with pytest.raises(otpy.NoProcess, match=complaint):
            who.do(f"sys.{what}", name)


def test_a_server_does_not_wait_for_itself(node: NodeUnderTest) -> None:
    for name in ("worker", "aio-worker"):
        who = asker(name, node)
        for what in ("get_state", "suspend", "resume"):
            with pytest.raises(otpy.CallingSelf):
                who.do(f"sys.{what}", name)
        assert who.do("sys.statistics", name).busy is not None


def test_values_of_a_class_harm_no_supervisor_on_the_way(node: NodeUnderTest) -> None:
    pids = node.pids()

    def replaced(what: str) -> Any:
        return answer(node.call("worker", "replace_state", "deep", what))

    for what, error, complaint in (
        ("of a class", otpy.NotSendable, "Field is unsupported"),
        ("unsendable", otpy.NotSendable, "cannot send"),
        ("large", otpy.FrameTooLarge, "which is 1048576 bytes"),
        ("no mapping", TypeError, "a mapping of names"),
        ("no names", TypeError, "a mapping of names"),
    ):
        with pytest.raises(error, match=complaint):
            replaced(what)
    assert node.pids() == pids


@pytest.mark.parametrize(
    ("what", "args"),
    [("sys.get_state", ["b"]), ("sys.suspend", ["deep/b"]), ("stop", ["b"])],
)
def test_from_its_init_a_process_asks_what_is_up_already(
    nodes: Nodes, what: str, args: list[str]
) -> None:
    node = nodes.run(f"""
        name: early
        children:
          - id: deep
            children:
              - {{id: b, start: "tests.support.stateful:Keeper", args: [WORK/log],
                 restart: transient}}
              - {{id: a, start: "tests.support.asking_workers:Early",
                 args: [WORK/log, {what}, {", ".join(args)}]}}
        """)
    assert node.call("a", "answered")[0] == "answer"
    assert [entry[0] for entry in node.log()] == (["terminate"] if what == "stop" else [])


def test_outside_a_tree_there_is_nobody_to_ask() -> None:
    for ask_ in (otpy.sys.get_state, otpy.sys.suspend, otpy.sys.statistics, otpy.stop):
        with pytest.raises(otpy.OtpyError, match="not a worker"):
            ask_("a")
