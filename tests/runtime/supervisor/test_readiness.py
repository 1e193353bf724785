"""A child is up when it is ready, as `ready` says; not within `start_timeout`, it has failed."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

import otpy
import otpy.aio
from otpy.events import (
    ChildEnded,
    ChildRestarting,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    GaveUp,
    NodeStarted,
)
from tests.runtime.supervisor.test_health import web
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S
from tests.support.ready_workers import SAY

W = "tests.support.ready_workers"
PYTHON = sys.executable
SAY_BY_OTPY = "import otpy, time; otpy.ready(); time.sleep(1e6)"


def free_port() -> int:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def opens(node: NodeUnderTest, gate: str) -> None:
    """Let what waits at a gate go on."""
    (node.work / gate).touch()


def order(node: NodeUnderTest) -> list[str]:
    """List what has started and come up so far, in order."""
    node.read_events()
    wanted = ChildStarting | ChildStarted
    return [
        f"{'+' if isinstance(event, ChildStarted) else ''}{event.path}"
        for event in node.events
        if isinstance(event, wanted) and event.path and not event.path.startswith("@")
    ]


def test_each_starts_when_the_one_before_is_ready_in_every_form(nodes: Nodes) -> None:
    port, other = free_port(), free_port()
    wait = "until test -e WORK/g$0; do sleep 0.01; done"
    node = nodes.start(f"""
        name: forms
        children:
          - id: "1"
            command: [sh, -c, "{wait}; echo >&3; exec sleep 1000", "1"]
            ready: {{fd: 3}}
          - id: "2"
            command: [sh, -c, "{wait}; echo is READY now >&2; exec sleep 1000", "2"]
            ready: {{log: "^is (READY|up)"}}
          - id: "3"
            command: [sh, -c, "{wait}; {PYTHON} -c \\"$1\\"; exec sleep 1000", "3", "{SAY}"]
            ready: notify
          - id: "4"
            command: [sh, -c, "{wait}; exec {PYTHON} -m http.server {port} -b 127.0.0.1", "4"]
            ready: {{tcp: {port}, every: 20ms}}
          - id: "5"
            start: {W}:listens
            args: [WORK/g5, {other}]
            ready: {{tcp: "127.0.0.1:{other}", every: 20ms}}
          - {{id: "6", start: "{W}:said", args: [WORK/g6], ready: notify}}
          - {{id: "7", start: "{W}:said_async", args: [WORK/g7], ready: notify}}
          - {{id: "8", start: "{W}:said_by_thread", args: [WORK/g8], ready: notify}}
          - {{id: "9", start: "{W}:said_by_a_fork", args: [WORK/g9], ready: notify}}
          - {{id: "10", start: "{W}:said_by_a_program", args: [WORK/g10], ready: notify}}
          - {{id: "11", start: "{W}:prints", args: [WORK/g11, ready], ready: {{log: ready}}}}
          - {{id: "12", start: "{W}:Late", args: [WORK/g12], ready: notify}}
          - id: "13"
            start: {W}:Early
            ready: {{exec: [test, -e, WORK/g13], every: 20ms}}
          - id: "14"
            command: [sh, -c, "{wait}; exec {PYTHON} -c '{SAY_BY_OTPY}'", "14"]
            ready: notify
          - {{id: "15", start: "{W}:Early", ready: notify}}
        """)
    for number in range(1, 15):
        node.next(ChildStarting, path=str(number))
        assert not node.seen(ChildStarted, path=str(number))
        opens(node, f"g{number}")
        assert node.next(ChildStarted, path=str(number)).took > 0
    node.next(NodeStarted)
    assert order(node) == [f"{up}{number}" for number in range(1, 16) for up in ("", "+")]
    assert node.call("13", "hello") == "hello"
    assert node.stop() == 0


def states(node: NodeUnderTest) -> dict[str, str]:
    return {process.path: process.state for process in node.client.tree()}


class Asking:
    """A request that waits in a thread."""

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask, self._found = ask, list[object]()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._ask())
        except otpy.OtpyError as error:
            self._found.append(error)

    def result(self) -> object:
        self._thread.join(DEADLINE_S)
        (found,) = self._found
        return found


POOL = f"""
name: pool
max_restarts: 100
children:
  - {{id: pool, strategy: dynamic, max_restarts: 100, children: []}}
  - {{id: first, start: "{W}:Early"}}
"""


def late(node: NodeUnderTest, gate: str, **more: object) -> dict[str, object]:
    args = [str(node.work / gate), str(node.work / "log")]
    return {"id": "late", "start": f"{W}:Late", "args": args, "ready": "notify", **more}


def test_a_dynamic_child_is_starting_until_it_is_ready_and_its_callers_wait(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    pool = node.client.supervisor("pool")
    spec = late(node, "gate")
    asked = Asking(lambda: pool.start_child(spec, timeout=DEADLINE_S))
    node.next(ChildStarting, path="pool/late")
    node.until(lambda: states(node).get("pool/late") == "starting", "it is starting")
    called = Asking(lambda: node.call("pool/late", "hello"))
    assert node.call("first", "hello") == "hello"
    opens(node, "gate")
    assert "late" in str(asked.result())

    async def waits() -> None:
        async with otpy.aio.connect("pool") as client:
            assert (await client.wait_ready("late", timeout=DEADLINE_S)).state == "running"
            assert await client.wait_gone("nowhere", timeout=DEADLINE_S) is None
            with pytest.raises(otpy.CallTimeout, match=r"'late': not gone within 0\.01 s"):
                await client.wait_gone("late", timeout=0.01)
            with pytest.raises(otpy.NoProcess):
                await client.wait_ready("nowhere")

    asyncio.run(waits())
    assert called.result() == "hello"
    assert states(node)["pool/late"] == "running"
    assert pool.get_childspec("late")["ready"] == "notify"

    # Its restart waits for it, too; and a stop that comes meanwhile is an orderly one.
    (node.work / "gate").unlink()
    node.kill("pool/late")
    node.next(ChildStarting, path="pool/late", incarnation=2)
    node.until(lambda: node.log().count(["serves"]) == 2, "its init has returned")
    assert states(node)["pool/late"] == "starting"
    asked = Asking(lambda: node.client.shutdown(timeout=DEADLINE_S))
    assert asked.result() is None
    assert not node.seen(ChildStarted, path="pool/late", incarnation=2)
    assert node.next(ChildStartFailed, path="pool/late").reason == "shutdown"
    assert ["terminated", "shutdown"] in node.log()
    assert node.wait() == 0


def test_what_ends_before_it_is_ready_has_not_started(nodes: Nodes) -> None:
    node = nodes.run(POOL)
    pool = node.client.supervisor("pool")

    def reason(start: dict[str, object]) -> str:
        with pytest.raises(otpy.StartFailed) as failed:
            pool.start_child({"id": "x", "restart": "temporary", "ready": "notify", **start})
        return str(failed.value)

    ends = {"start": f"{W}:ends_before"}
    assert "ended before it was ready" in reason({**ends, "args": ["return"]})
    assert "exit: 3" in reason({**ends, "args": ["exit"]})
    assert "RuntimeError: no luck" in reason({**ends, "args": ["raise"]})
    assert "ended before it was ready" in reason({"command": ["true"]})
    assert "exit: 1" in reason({"command": ["false"]})
    assert "no such program" in reason({"command": ["no-such-program"]})
    assert "exit: 5" in reason({"command": ["sh", "-c", "exit 5"], "ready": {"fd": 3}})
    assert "killed" in reason({"command": ["sh", "-c", "kill -9 $$"], "ready": {"tcp": 1}})

    ignores: dict[str, object] = {"id": "i", "start": f"{W}:NotNeeded", "ready": "notify"}
    assert pool.start_child(ignores).pid is None

    # What says so and ends at once was ready all the same.
    pool.start_child(
        {"id": "y", "command": [PYTHON, "-c", SAY], "ready": "notify", "restart": "temporary"}
    )
    assert node.next(ChildEnded, path="pool/y").reason == "normal"
    line = {"command": ["sh", "-c", "printf 'all\\r\\ndone\\r\\n'"], "ready": {"log": "^done$"}}
    pool.start_child({"id": "z", "restart": "temporary", **line})
    assert node.next(ChildEnded, path="pool/z").reason == "normal"


def test_a_notification_of_another_process_is_refused(nodes: Nodes) -> None:
    node = nodes.start(f"""
        name: foreign
        children:
          - id: told
            command: [sh, -c, "echo $NOTIFY_SOCKET > WORK/a; mv WORK/a WORK/address;
                read x < WORK/pipe; {PYTHON} -c \\"$0\\"; exec sleep 1000", "{SAY}"]
            ready: notify
        """)
    os.mkfifo(node.work / "pipe")
    text = node.until(lambda: _read(node.work / "address"), "the address")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for message in (b"READY=1", b"\xff\0", b"", b"READY=1\n" * 2000):
            sender.sendto(message, text.strip().replace("@", "\0"))
    node.complains(f"told: process {os.getpid()}, which is none of its, says b'READY=1'")
    assert not node.seen(ChildStarted, path="told")
    (node.work / "pipe").write_text("go\n")
    node.next(ChildStarted, path="told")
    assert node.stop() == 0


@pytest.mark.skipif(shutil.which("systemd-notify") is None, reason="there is no systemd-notify")
def test_systemd_notify_of_a_script_and_of_a_daemon_of_its_counts(nodes: Nodes) -> None:
    """It waits until it was heard (BARRIER=1), and a daemon is in a session of its own."""
    says = "systemd-notify --status=loading; systemd-notify --ready; exec sleep 1000"
    node = nodes.run(f"""
        name: systemd
        children:
          - {{id: script, command: [sh, -c, "{says}"], ready: notify}}
          - {{id: orphan, command: [sh, -c, "(setsid sh -c '{says}' &); exec sleep 1000"],
              ready: notify}}
        """)
    assert node.stop() == 0


def test_who_answers_503_at_first_is_ready_when_it_answers_200(nodes: Nodes) -> None:
    statuses = [503, 404, 503, 200]
    with web(statuses) as port:
        node = nodes.run(f"""
            name: web
            children:
              - id: web
                command: [sleep, "1000"]
                ready: {{http: "http://localhost:{port}/health", every: 10ms}}
            """)
        assert statuses == [200]
        assert node.stop() == 0


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


UNREADY = (
    *("c", "python", "lock", "async", "late", "coroutine", "status", "fd", "log", "slow"),
    *("inherit", "tcp", "exec", "deaf", "below"),
)


def unready(node: NodeUnderTest, port: int) -> dict[str, tuple[dict[str, object], str, str]]:
    """List children that are not ready in time: what is missing, and where they hang."""
    says = "READY=1, or otpy.ready()"
    sleep = {"command": ["sleep", "1000"]}
    prints = {"command": ["sh", "-c", f"echo {'a' * 60}; exec sleep 1000"]}
    ignores = "trap '' TERM; sleep 1000 & wait"
    ask = {"exec": ["sh", "-c", "sleep 1000 & wait"], "timeout": 1000}
    gate = [str(node.work / "gate")]
    init, line = "its init to return", "a line that matches"
    return {
        "c": ({"start": f"{W}:Hangs", "args": ["c"]}, init, "in sleep_in_c"),
        "python": ({"start": f"{W}:Hangs", "args": ["python"]}, init, "in hangs_here"),
        "lock": ({"start": f"{W}:Hangs", "args": ["lock"]}, init, "in _acquired_twice"),
        "async": ({"start": f"{W}:AsyncHangs", "args": ["python"]}, init, "in hangs_here"),
        "late": (late(node, "gate"), says, "in await_file"),
        "coroutine": ({"start": f"{W}:said_async", "args": gate, "ready": "notify"}, says, "in "),
        "status": (
            {"start": f"{W}:says_how_far", "args": ["half way\x1b"], "ready": "notify"},
            f"{says}; it says: half way\\x1b",
            "in says_how_far",
        ),
        "fd": ({**sleep, "ready": {"fd": 3}}, "a newline at descriptor 3", ""),
        "log": ({**sleep, "ready": {"log": "x"}}, f"{line} 'x'", ""),
        "slow": (
            {**prints, "ready": {"log": "(a+)+b"}},
            f"{line} '(a+)+b', which takes too long to find",
            "",
        ),
        "inherit": (
            {**sleep, "ready": {"log": "x"}, "log": "inherit"},
            f"{line} 'x', but its output is not read, as log: inherit has it",
            "",
        ),
        "tcp": (
            {**sleep, "ready": {"tcp": f"127.0.0.1:{port}"}},
            f"tcp 127.0.0.1:{port}: connection refused",
            "",
        ),
        "exec": ({**sleep, "ready": ask}, "exec sh", ""),
        "deaf": ({"command": ["sh", "-c", ignores], "ready": "notify"}, says, ""),
        "below": (
            {"children": [{"id": "x", "start": f"{W}:Hangs", "args": ["python"]}]},
            "its children to start",
            "",
        ),
    }


def test_what_is_not_ready_in_time_has_failed_and_a_hung_init_shows_its_stack(nodes: Nodes) -> None:
    pools = "\n".join(f"  - {{id: in-{id_}, strategy: dynamic, children: []}}" for id_ in UNREADY)
    node = nodes.run(f"name: unready\nchildren:\n{pools}\n")
    cases = unready(node, free_port())
    assert tuple(cases) == UNREADY

    def starts(id_: str, spec: dict[str, object]) -> Asking:
        pool = node.client.supervisor(f"in-{id_}")
        limits = {"id": id_, "start_timeout": 2, "shutdown": "infinity"}
        return Asking(lambda: pool.start_child({**spec, **limits}))

    asked = {id_: starts(id_, spec) for id_, (spec, _, _) in cases.items()}
    for id_, (_, missing, place) in cases.items():
        failed = asked[id_].result()
        assert isinstance(failed, otpy.StartFailed)
        assert failed.reason == "start timeout"
        (event,) = node.seen(ChildStartFailed, path=f"in-{id_}/{id_}")
        assert (event.reason, event.asked) == ("start timeout", False)
        assert event.waited_for == missing
        assert bool(event.stacks) is bool(place)
        assert place in event.stacks
    node.says(r"in-c/c \|   File .* in sleep_in_c$")
    assert node.stop() == 0


def test_a_boot_and_a_restart_that_take_too_long_fail(nodes: Nodes) -> None:
    node = nodes.start(f"""
        name: boot
        max_restarts: 1
        children:
          - {{id: first, start: "{W}:Early"}}
          - id: late
            start: {W}:Late
            args: [WORK/gate]
            ready: notify
            start_timeout: 500ms
        """)
    node.next(ChildStartFailed, path="late", reason="start timeout")
    assert node.wait() == 1
    assert "child 'late' failed to start: start timeout" in node.errors
    node = nodes.start(f"""
        name: again
        max_restarts: 1
        children:
          - id: late
            start: {W}:Late
            args: [WORK/gate]
            ready: notify
            start_timeout: 1s
        """)
    opens(node, "gate")
    node.up()
    (node.work / "gate").unlink()
    node.kill("late")
    assert node.next(ChildRestarting, path="late").reason == "killed"
    node.next(ChildStartFailed, path="late", reason="start timeout")
    assert node.next(GaveUp).reason == "start timeout"
    node.wait()


def test_its_group_waits_until_it_is_ready(nodes: Nodes) -> None:
    node = nodes.start(f"""
        name: group
        strategy: one_for_all
        max_restarts: 100
        children:
          - {{id: first, start: "{W}:Early"}}
          - {{id: late, start: "{W}:Late", args: [WORK/gate], ready: notify}}
          - {{id: last, start: "{W}:Early"}}
        """)
    opens(node, "gate")
    node.up()
    (node.work / "gate").unlink()
    node.kill("last")
    node.next(ChildStarting, path="late", incarnation=2)
    node.kill("first")
    node.next(ChildEnded, path="first", incarnation=2)
    assert not node.seen(ChildStarting, path="last", incarnation=2)
    opens(node, "gate")
    node.next(ChildStarted, path="late", incarnation=2)
    node.next(ChildStarted, path="last", incarnation=3)
    assert node.stop() == 0


def test_a_stop_while_a_child_is_not_ready_is_at_once(nodes: Nodes) -> None:
    node = nodes.start(f"""
        name: stopped
        children:
          - {{id: first, start: "{W}:Early"}}
          - id: late
            command: [sleep, "1000"]
            ready: {{exec: [sh, -c, "sleep 1000 & wait"], timeout: 1h}}
            start_timeout: 1h
        """)
    node.next(ChildStarting, path="late")
    assert node.stop() == 0
    assert node.seen(ChildStartFailed, path="late")[0].reason == "shutdown"
    assert not node.seen(NodeStarted)
