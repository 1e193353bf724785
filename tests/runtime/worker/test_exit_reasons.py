"""The exit-reason table: what ends how, in which words, and whether that is clean."""

import signal
from pathlib import Path
from typing import Final

import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted, ChildStartFailed, ChildStopping
from tests.support.node import Nodes, NodeUnderTest

CLEAN, ABNORMAL = True, False

SERVERS: Final[dict[str, tuple[tuple[object, ...], str, bool]]] = {
    "stop-normal": (("stop", "normal"), "normal", CLEAN),
    "stop-shutdown": (("stop", "shutdown"), "shutdown", CLEAN),
    "stop-shutdown-detail": (("stop", ["shutdown", "deploy"]), "shutdown: deploy", CLEAN),
    "stop-other": (("stop", "tired"), "tired", ABNORMAL),
    "stop-number": (("stop", 5), "5", ABNORMAL),
    "raises": (("crash", "boom"), "error: RuntimeError: boom", ABNORMAL),
    "raises-nothing": (("crash", ""), "error: RuntimeError", ABNORMAL),
    "exit-0": (("exit", 0), "normal", CLEAN),
    "exit-3": (("exit", 3), "exit: 3", ABNORMAL),
    "sys-exit": (("sys_exit",), "normal", CLEAN),
    "sys-exit-4": (("sys_exit", 4), "exit: 4", ABNORMAL),
    "sys-exit-text": (("sys_exit", "no more"), "exit: 1: no more", ABNORMAL),
    "sigkill": (("signal", int(signal.SIGKILL)), "killed", ABNORMAL),
    "sigsegv": (("signal", int(signal.SIGSEGV)), "signal: SIGSEGV", ABNORMAL),
    "sigabrt": (("signal", int(signal.SIGABRT)), "signal: SIGABRT", ABNORMAL),
    "sigusr1": (("signal", int(signal.SIGUSR1)), "signal: SIGUSR1", ABNORMAL),
    "sigint": (("signal", int(signal.SIGINT)), "signal: SIGINT", ABNORMAL),
    "sighup": (("signal", int(signal.SIGHUP)), "signal: SIGHUP", ABNORMAL),
    "sig40": (("signal", 40), "signal: SIG40", ABNORMAL),
}
"""What a GenServer is told, and how it ends."""

FUNCTIONS: Final[dict[str, tuple[str, str, bool]]] = {
    "function-returns": ("returns, args: [WORK/log]", "normal", CLEAN),
    "function-raises": ("raises, args: [boom]", "error: RuntimeError: boom", ABNORMAL),
    "function-exits-0": ("exits, args: [0]", "normal", CLEAN),
    "function-exits-5": ("exits, args: [5]", "exit: 5", ABNORMAL),
}

COMMANDS: Final[dict[str, tuple[str, str, bool]]] = {
    "command-exits-0": ("exit 0", "normal", CLEAN),
    "command-exits-6": ("exit 6", "exit: 6", ABNORMAL),
    "command-sigterm": ("kill -TERM $$", "signal: SIGTERM", ABNORMAL),
    "command-sigkill": ("kill -KILL $$", "killed", ABNORMAL),
    "command-sigsegv": ("kill -SEGV $$", "signal: SIGSEGV", ABNORMAL),
    "command-143": ("exit 143", "exit: 143", ABNORMAL),
}


def tree(restart: str) -> str:
    lines = ["name: reasons", "max_restarts: 1000", "children:"]
    rest = f"restart: {restart}, shutdown: 1s"
    remote = "start: 'tests.support.workers:Remote', args: [WORK/log]"
    lines += [f"  - {{id: {id_}, {remote}, {rest}}}" for id_ in SERVERS]
    for id_, (function, _, _) in FUNCTIONS.items():
        name, _, args = function.partition(", ")
        lines.append(f"  - {{id: {id_}, start: 'tests.support.workers:{name}', {args}, {rest}}}")
    for id_, (script, _, _) in COMMANDS.items():
        lines.append(f"  - {{id: {id_}, command: [sh, -c, {script!r}], {rest}}}")
    return "\n".join(lines)


def end_all(node: NodeUnderTest) -> dict[str, tuple[str, bool, bool]]:
    """End every server its way; tell each child's first reason, clean, and asked."""
    for id_, (request, _, _) in SERVERS.items():
        with pytest.raises(otpy.ProcessDown):
            node.call(id_, *request)
    everybody = [*SERVERS, *FUNCTIONS, *COMMANDS]
    node.until(lambda: all(node.seen(ChildEnded, path=path) for path in everybody), "all ends")
    ends = {path: node.seen(ChildEnded, path=path)[0] for path in everybody}
    return {path: (end.reason, end.clean, end.asked) for path, end in ends.items()}


EXPECTED: Final = {
    id_: (reason, clean, False)
    for table in (SERVERS, FUNCTIONS, COMMANDS)
    for id_, (_, reason, clean) in table.items()
}


def test_each_row_of_the_table(nodes: Nodes) -> None:
    assert end_all(nodes.run(tree("temporary"))) == EXPECTED


def test_a_transient_child_comes_back_after_abnormal_ends_only(nodes: Nodes) -> None:
    text = tree("transient").replace('"exit 6"', "x")
    node = nodes.run(text.replace("max_restarts: 1000", "max_restarts: 100000"))
    for id_, (request, reason, clean) in SERVERS.items():
        with pytest.raises(otpy.ProcessDown) as caught:
            node.call(id_, *request)
        assert caught.value.reason == reason
        if not clean:
            node.next(ChildStarted, path=id_, incarnation=2)
    rows = {row.id: row.state for row in node.client.supervisor().which_children()}
    assert {id_: rows[id_] for id_ in SERVERS} == {
        id_: "undefined" if clean else "running" for id_, (_, _, clean) in SERVERS.items()
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_from_outside_is_abnormal(nodes: Nodes, number: signal.Signals) -> None:
    node = nodes.run("""
        name: outside
        children:
          - {id: server, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: function, start: "tests.support.workers:waits"}
          - {id: program, command: [sleep, "100000"]}
        """)
    for path in ("server", "function", "program"):
        node.kill(path, number)
        end = node.next(ChildEnded, path=path)
        assert (end.reason, end.clean, end.asked) == (f"signal: {number.name}", False, False)
        node.next(ChildStarted, path=path)
    # Only SIGTERM stops a worker in order.
    assert [entry for entry in node.log() if entry[0] == "terminate"] == []


def test_who_is_asked_to_stop_ends_with_shutdown(nodes: Nodes) -> None:
    node = nodes.run("""
        name: asked
        children:
          - {id: server, start: "tests.support.workers:Remote", args: [WORK/log]}
          - {id: function, start: "tests.support.workers:waits"}
          - {id: program, command: [sleep, "100000"]}
          - {id: shell, command: [sh, -c, "trap 'exit 0' TERM; echo up; while :; do :; done"]}
          - {id: branch, children: []}
          - {id: brutal, start: "tests.support.workers:Remote", args: [WORK/log],
             shutdown: brutal_kill}
        """)
    node.says("^shell . up")
    for path, reason in {
        "server": "shutdown",
        "function": "shutdown",
        "program": "shutdown",
        "shell": "shutdown",
        "branch": "shutdown",
        "brutal": "killed",
    }.items():
        node.client.supervisor().terminate_child(path)
        node.next(ChildStopping, path=path)
        end = node.next(ChildEnded, path=path)
        assert (path, end.reason, end.asked) == (path, reason, True)


def test_what_cannot_be_executed_fails_to_start(nodes: Nodes) -> None:
    node = nodes.run("{name: commands, children: []}")
    script = nodes.work / "script"
    script.write_text("#!/bin/sh\n")
    garbage = nodes.work / "garbage"
    garbage.write_bytes(b"\0\1\2")
    garbage.chmod(0o755)
    for number, (program, error) in enumerate(
        {
            str(script): "PermissionError",
            str(garbage): "OSError",
            str(nodes.work / "none"): "FileNotFoundError",
            "no-such-program-anywhere": "FileNotFoundError",
            str(nodes.work): "PermissionError",
        }.items()
    ):
        spec = {"id": f"c{number}", "command": [program]}
        with pytest.raises(otpy.StartFailed, match=f"error: {error}: cannot execute '{program}"):
            node.client.supervisor().start_child(spec)
        failed = node.next(ChildStartFailed, path=f"c{number}")
        assert failed.reason.startswith(f"error: {error}")
        assert failed.traceback == ""
    assert node.client.supervisor().which_children() == []


def test_what_cannot_be_imported_or_run_fails_to_start(nodes: Nodes) -> None:
    node = nodes.run("{name: imports, children: []}")
    broken = Path(nodes.work / "otpy_test_broken.py")
    broken.write_text("1 / 0\n")
    root = node.client.supervisor()
    for start, error in {
        "no_such_module:Thing": "ModuleNotFoundError",
        "tests.support.workers:Nobody": "AttributeError",
        "tests.support.workers:NoServer": "TypeError",
        "tests.support.workers:A_NUMBER": "TypeError",
    }.items():
        with pytest.raises(otpy.StartFailed, match=f"error: {error}") as caught:
            root.start_child({"id": "x", "start": start})
        assert error in caught.value.traceback
    with pytest.raises(otpy.StartFailed, match="error: TypeError"):
        root.start_child({"id": "x", "start": "tests.support.workers:Remote", "args": {"no": 1}})
    assert root.which_children() == []


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("error", "error: RuntimeError: init failed"),
        ("stop", "not today"),
        ("exit", "exit: 7"),
        ("kill", "killed"),
    ],
)
def test_ways_in_which_init_fails(nodes: Nodes, outcome: str, reason: str) -> None:
    node = nodes.run("{name: inits, children: []}")
    args = [f"{nodes.work}/log", [outcome]]
    with pytest.raises(otpy.StartFailed) as caught:
        node.client.supervisor().start_child(
            {"id": "x", "start": "tests.support.workers:Remote", "args": args}
        )
    assert caught.value.reason == reason
    assert node.next(ChildStartFailed, path="x").reason == reason
    assert node.log() == [["init", "x", 1, outcome]]
