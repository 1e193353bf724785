"""What is told of a crash does not depend on the standard error of the user's code (3.4)."""

import pytest

import otpy
from otpy import tasks
from otpy.events import ChildEnded, ChildStarted
from tests.support.node import Nodes
from tests.support.stream_workers import STREAMS

REASON = "error: ValueError: the real reason: ä"


@pytest.mark.parametrize("how", [*STREAMS, "no descriptor"])
def test_a_crash_is_told_and_logged_whatever_stderr_is(nodes: Nodes, how: str) -> None:
    node = nodes.run(f"""
        name: streams
        max_restarts: 1000
        children:
          - {{id: plain, start: "tests.support.stream_workers:Broken"}}
          - {{id: loop, start: "tests.support.stream_workers:BrokenAsync"}}
          - {{id: f, start: "tests.support.stream_workers:crash", args: [{how}],
             restart: temporary}}
          - {{id: agent, start: "otpy:Agent"}}
          - {{id: tasks, strategy: dynamic}}
          - {{id: sends, start: "tests.support.stream_workers:Sends"}}
        """)
    for name in ("plain", "loop"):
        server = node.client[name]
        server.call("spoil", how)
        pid = server.pid
        server.cast("refuse")
        server.cast("no such request")
        node.call("sends", "unreadable", name)
        node.says(rf"^{name} *. Refused: not this: ä$")
        node.says(rf"^{name} *. UnknownRequest: .*'no such request'$")
        node.says(rf"^{name} *. NotSendable: .*cannot be made: ä$")
        assert server.pid == pid
        with pytest.raises(otpy.ProcessDown) as caught:
            server.call("crash")
        assert caught.value.reason == REASON
        node.says(rf"^{name} *. ValueError: the real reason: ä$")
        assert node.next(ChildEnded, path=name).reason == REASON
        node.next(ChildStarted, path=name)
        with pytest.raises(otpy.ProcessDown, match="exit: 1: DATABASE_URL is not set"):
            server.call("exit")
        node.says(rf"^{name} *. DATABASE_URL is not set$")
    assert node.seen(ChildEnded, path="f")[0].reason == REASON
    node.says(r"^f *. ValueError: the real reason: ä$")
    module = "tests.support.stream_workers"
    with pytest.raises(otpy.ProcessDown, match=REASON):
        otpy.Agent.update(node.client["agent"], f"{module}:update", how)
    with pytest.raises(otpy.ProcessDown, match=REASON):
        tasks.await_(tasks.async_(f"{module}:crash", how, node=node.client))
    with pytest.raises(otpy.ProcessDown, match="exit: 1: DATABASE_URL is not set"):
        tasks.await_(tasks.async_(f"{module}:exit_with_text", how, node=node.client))
    pool = node.client.supervisor("tasks")
    spec = {"id": "x", "start": f"{module}:Broken", "args": {"how": how, "fails": True}}
    with pytest.raises(otpy.StartFailed, match=REASON):
        pool.start_child(spec)
