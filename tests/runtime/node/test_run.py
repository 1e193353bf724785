"""`otpy run` as a user meets it: signals, second runs, bad directories, closed outputs."""

import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from otpy.events import ChildEnded, ChildStarted, NodeStarted, NodeStopping
from tests.support.node import Nodes

TREE = """
name: app
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
"""

SLOW = """
name: slow
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
  - id: branch
    children:
      - {id: b, start: "tests.support.workers:Remote", args: [WORK/log, [], sleep_in_c],
         shutdown: infinity}
      - {id: c, command: [sh, -c, "trap '' TERM; echo up; sleep 100000"], shutdown: infinity}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_node_in_order(nodes: Nodes, number: signal.Signals) -> None:
    node = nodes.otpy_run(nodes.write(TREE), "app").up()
    node.send(number)
    assert node.wait() == 0
    assert node.log()[-1] == ["terminate", "a", 1, "shutdown"]
    assert node.seen(NodeStopping)[0].why == f"{number.name} received"
    assert node.output.splitlines()[-1].endswith("app has stopped: in order")
    assert node.errors == ""


def test_ctrl_c_reaches_the_whole_foreground_group_and_still_stops_in_order(nodes: Nodes) -> None:
    node = nodes.otpy_run(nodes.write(TREE), "app").up()
    for pid in (node.pid, *node.pids().values()):
        if os.getpgid(pid) == os.getpgid(node.pid):  # whom a terminal would signal
            os.kill(pid, signal.SIGINT)
    assert node.wait() == 0
    assert node.log()[-1] == ["terminate", "a", 1, "shutdown"]


def test_a_second_ctrl_c_during_a_slow_stop_ends_everything_at_once(nodes: Nodes) -> None:
    node = nodes.otpy_run(nodes.write(SLOW), "slow").up()
    node.says("^branch/c . up")
    node.call("b", "ignore_signals")
    node.send(signal.SIGINT)
    node.next(NodeStopping)
    node.send(signal.SIGINT)
    node.next(NodeStopping)
    node.wait()
    assert nodes.processes() == []
    assert node.process.returncode == 0
    reasons = {event.path: event.reason for event in node.seen(ChildEnded)}
    assert reasons["branch/b"] == reasons["branch/c"] == "killed"


def test_a_second_ctrl_c_ends_a_boot_that_hangs(nodes: Nodes) -> None:
    tree = SLOW.replace("[], sleep_in_c", "[deaf]").replace("SLOW", "")
    node = nodes.otpy_run(nodes.write(tree), "slow")
    node.logged("deaf")
    node.send(signal.SIGINT)
    node.next(NodeStopping)
    node.send(signal.SIGINT)
    node.wait()
    assert nodes.processes() == []


def test_a_second_run_of_the_same_name_is_refused_and_the_first_goes_on(nodes: Nodes) -> None:
    first = nodes.otpy_run(nodes.write(TREE), "app").up()
    first.call("a", "increment")
    second = nodes.otpy_run(nodes.write(TREE), "app")
    assert second.wait() == 1
    assert "already running" in second.errors
    assert str(first.pid) in second.errors
    assert first.call("a", "get_count") == 1
    first.disconnect()
    assert first.call("a", "get_count") == 1
    assert first.client.pid == first.pid


def test_two_nodes_of_different_names_do_not_meet(nodes: Nodes) -> None:
    first = nodes.run(TREE)
    second = nodes.run(TREE.replace("name: app", "name: other"))
    first.call("a", "increment")
    assert second.call("a", "get_count") == 0
    second.stop()
    assert first.call("a", "get_count") == 1


def test_what_a_crashed_machine_left_is_replaced(nodes: Nodes) -> None:
    folder = nodes.place / "app"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "control.sock"))
    (folder / "lock").write_text("")
    (folder / "node.json").write_text('{"name": "app", "pid": 1, "start_ticks": 1}')
    node = nodes.run(TREE)
    assert node.call("a", "increment") == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "start_ticks": []}', "\0\xff"])
def test_a_broken_node_json_stops_nobody(nodes: Nodes, text: str) -> None:
    folder = nodes.place / "app"
    folder.mkdir(mode=0o700)
    (folder / "node.json").write_text(text)
    assert nodes.run(TREE).call("a", "increment") == 1


def test_a_pid_that_was_used_again_is_not_taken_for_the_node(nodes: Nodes) -> None:
    folder = nodes.place / "app"
    folder.mkdir(mode=0o700)
    text = f'{{"name": "app", "pid": {os.getpid()}, "start_ticks": 1}}'
    (folder / "node.json").write_text(text)
    assert nodes.run(TREE).call("a", "increment") == 1


@pytest.mark.parametrize("place", ["open", "file", "long", "foreign"])
def test_a_runtime_directory_that_cannot_be_used_is_refused(nodes: Nodes, place: str) -> None:
    match place:
        case "open":
            path, words = nodes.work / "open", "open to others"
            path.mkdir()
            path.chmod(0o755)
        case "file":
            path, words = nodes.work / "file", "not a directory"
            path.write_text("")
        case "long":
            path, words = nodes.work / ("x" * 100), "Unix socket"
        case _:
            path, words = nodes.work / "foreign", "belongs to user"
            path.mkdir(mode=0o700)
            if os.geteuid() != 0:
                pytest.skip("only root can give a directory away")
            os.chown(path, 12345, 12345)
    env = {"OTPY_DIR": str(path)}
    node = nodes.otpy_run(nodes.write(TREE), "app", env=env)
    assert node.wait() == 1
    (line,) = node.errors.splitlines()
    assert line.startswith("otpy: ")
    assert words in line
    assert str(path) in line
    assert node.log() == []


def test_the_runtime_directory_and_the_socket_are_open_to_nobody_else(nodes: Nodes) -> None:
    place = nodes.work / "new"
    node = nodes.otpy_run(nodes.write(TREE), "app", env={"OTPY_DIR": str(place)})
    node.says("app is up")
    modes = {
        path.relative_to(nodes.work): stat.S_IMODE(path.stat().st_mode)
        for path in (place, place / "app", place / "app" / "log", place / "app" / "control.sock")
    }
    assert set(modes.values()) == {0o700, 0o600}
    assert modes[Path("new/app/control.sock")] == 0o600


def test_a_reader_that_never_reads_does_not_stop_the_node(nodes: Nodes) -> None:
    read, write = os.pipe()
    node = nodes.otpy_run(nodes.write(TREE), "app", stdout=write)
    os.close(write)
    node.up()
    line = "x" * 999 + "\n"
    for _ in range(40):
        node.call("a", "say", line * 20)  # 800 kB: far more than a pipe holds
    node.recover("a")
    assert node.call("a", "increment") == 1
    assert node.stop() == 0
    os.close(read)


def test_a_reader_that_has_gone_does_not_stop_the_node(nodes: Nodes) -> None:
    read, write = os.pipe()
    node = nodes.otpy_run(nodes.write(TREE), "app", stdout=write)
    os.close(write)
    os.close(read)
    node.up()
    node.call("a", "say", "hello\n" * 10)
    node.recover("a")
    assert node.call("a", "increment") == 1
    assert node.stop() == 0


def test_a_reader_that_never_reads_a_socket_does_not_stop_the_node(nodes: Nodes) -> None:
    ours, theirs = socket.socketpair()  # as the journal of systemd
    with ours:
        node = nodes.otpy_run(nodes.write(TREE), "app", stdout=theirs.fileno())
        theirs.close()
        node.up()
        for _ in range(40):
            node.call("a", "say", ("x" * 999 + "\n") * 20)
        node.recover("a")
        assert node.call("a", "increment") == 1
        assert node.stop() == 0


def test_no_stdout_at_all(nodes: Nodes) -> None:
    tree = nodes.write(TREE)
    shell = f"exec '{os.sys.executable}' -m otpy run '{tree}' >&- 2>&-"  # type: ignore[attr-defined]
    node = nodes._start("app", ["sh", "-c", shell]).up()
    node.call("a", "say", "hello\n")
    node.recover("a")
    assert node.stop() == 0


def test_a_tree_with_mistakes_starts_nothing(nodes: Nodes) -> None:
    node = nodes.otpy_run(nodes.write(TREE.replace("Remote", "Nobody")), "app")
    assert node.wait() == 2
    assert "tree.yaml:4:" in node.errors
    assert node.log() == []
    assert node.seen(NodeStarted) == []


def test_a_worker_does_not_read_the_terminal(nodes: Nodes) -> None:
    node = nodes.run("""
        name: reading
        children:
          - {id: a, command: [sh, -c, "read x; echo got $x.; sleep 100000"]}
        """)
    node.says(r"^a . got \.")
    assert node.seen(ChildStarted, path="a")[0].incarnation == 1
