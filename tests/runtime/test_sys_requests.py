"""One more request about a process needs an entry in the table and a handler, and no more."""

import asyncio
import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import otpy
import otpy.aio
from otpy.cli import main
from otpy.links.deadline import deadline_of
from tests.support.extra_requests import Position, Repeat
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

TREE = """
name: extended
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - {id: g, start: "tests.support.extra_requests:Tangled"}
  - {id: below, children: [{id: c, command: [sleep, "1000"]}]}
"""

ROOT = Path(__file__).parents[2]

AT_START = "from tests.support import extra_requests; extra_requests.add_handlers()\n"


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    """A node whose every process knows the further requests."""
    (nodes.work / "sitecustomize.py").write_text(AT_START)
    env = {"PYTHONPATH": f"{nodes.work}{os.pathsep}{ROOT}"}
    with nodes.command(TREE) as (name, command, fd):
        return nodes.start_by(name, command, pass_fds=(fd,), env=env).up()


def command(*words: str) -> str:
    with redirect_stdout(StringIO()) as out:
        assert main([*words]) == 0
    return out.getvalue()


def test_a_server_and_a_supervisor_answer(node: NodeUnderTest) -> None:
    def ask(name: str, request: Any) -> Any:
        return node.client._sys_call(name, request, deadline_of(DEADLINE_S), Any)

    assert ask("a", Repeat({"x": [1]}, 2)) == ["Remote", {"x": [1]}, {"x": [1]}]
    assert ask("a", Position()) == {"path": "a", "pid": node.pids()["a"]}

    async def asynchronously() -> Any:
        async with await otpy.aio.connect(node.name) as connected:
            return await connected._sys_call("a", Repeat("y"), deadline_of(DEADLINE_S), Any)

    assert asyncio.run(asynchronously()) == ["Remote", "y"]


def test_garbage_is_collected(node: NodeUnderTest) -> None:
    g = node.client["g"]
    g.garbage_collect(timeout=DEADLINE_S)
    g.call("tangle", 1000, timeout=DEADLINE_S)
    assert g.garbage_collect(timeout=DEADLINE_S) >= 1000
    g.call("tangle", 1000, timeout=DEADLINE_S)
    assert int(command("garbage-collect", "g")) >= 1000
    assert int(command("garbage-collect", "g")) < 1000


def test_what_is_wrong_with_it_is_said(node: NodeUnderTest) -> None:
    def ask(operation: str, arguments: dict[str, Any]) -> Any:
        return node.client._ask(operation, arguments, DEADLINE_S, shape=Any)

    with pytest.raises(otpy.NoProcess, match="'below' is a supervisor, not a server"):
        ask("test_repeat", {"name": "below", "value": 1, "times": 1})
    with pytest.raises(otpy.NoProcess, match="'below/c' is a command, which has no position"):
        ask("test_position", {"name": "c"})
    with pytest.raises(otpy.ProtocolError, match="test_repeat: Expected `int`, got `str`"):
        ask("test_repeat", {"name": "a", "value": 1, "times": "many"})
    with pytest.raises(otpy.ProtocolError, match="test_repeat: bad arguments: KeyError"):
        ask("test_repeat", {"name": "a"})
    assert node.call("a", "get_count") == 0


def test_it_is_a_command(node: NodeUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    def test_position(ref: otpy.Ref, *, timeout: float | None) -> Any:
        return ref._sys_call(Position(), timeout, Any)

    monkeypatch.setattr(otpy.Ref, "test_position", test_position, raising=False)

    pid = node.pids()["a"]
    assert command("test-position", "a") == f'{{"path": "a", "pid": {pid}}}\n'
    assert command("test-position", "a", "--json").startswith(
        '{"ok": true, "result": [{"name": "a", "ok": true, "path": "a", "test_position": '
    )
    assert "  test-position    Print where a process is.\n" in command("--help")
