"""`sockets`: opened and held by the node, given to children, kept over every restart (11.2)."""

import ast
import contextlib
import os
import pwd
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otpy.config import load
from otpy.events import ChildEnded, ChildStarted, ChildStartFailed, NodeStarted, SparesChanged
from otpy.runtime.node.heart import heart_command
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S, descriptors

WORKERS = "tests.support.socket_workers"

PROGRAM = """
import os, socket
assert os.environ["LISTEN_PID"] == str(os.getpid())
assert os.environ["LISTEN_FDNAMES"] == "web", os.environ["LISTEN_FDNAMES"]
web = socket.socket(fileno=3)
while True:
    connection, _ = web.accept()
    connection.sendall(f"{os.getpid()}\\n".encode())
    connection.close()
"""

KINDS = {
    "function": f'start: "{WORKERS}:serve"',
    "coroutine": f'start: "{WORKERS}:serve_on_a_loop"',
    "server": f'start: "{WORKERS}:AsyncServer"',
    "spare": f'start: "{WORKERS}:serve", spare: 1',
    "program": f"command: ['{sys.executable}', WORK/program.py]",
}


class Load(threading.Thread):
    """Connects again and again; counts what was answered, and what was refused."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.over = path, threading.Event()
        self.answers, self.refused = 0, 0

    def run(self) -> None:
        while not self.over.is_set():
            try:
                with contextlib.closing(connect(self.path)) as asker:
                    self.answers += bool(asker.recv(100))
            except ConnectionRefusedError:
                self.refused += 1
            except ConnectionError:
                pass  # it was accepted by a process that was killed then

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.over.set()
            self.join(DEADLINE_S)


def connect(path: str) -> socket.socket:
    asker = socket.socket(socket.AF_UNIX)
    asker.settimeout(DEADLINE_S)
    try:
        asker.connect(path)
    except BaseException:
        asker.close()
        raise
    return asker


def answer(path: str) -> int:
    with contextlib.closing(connect(path)) as asker:
        return int(asker.recv(100))


@pytest.mark.parametrize("kind", KINDS)
def test_no_connection_is_refused_whatever_is_killed(nodes: Nodes, kind: str) -> None:
    (nodes.work / "program.py").write_text(PROGRAM)
    node = nodes.run(f"""
        name: load
        max_restarts: 1000
        sockets: {{web: WORK/web.sock}}
        children:
          - id: s
            max_restarts: 1000
            children:
              - {{id: web, {KINDS[kind]}, sockets: [web]}}
        """)
    path = str(nodes.work / "web.sock")
    load = Load(path)
    with load.running():
        for killed in ("s/web", "s", "", "s/web"):
            if kind == "spare":
                while not node.next(SparesChanged, path="s/web").pids:
                    pass
            node.kill(killed)
            started = node.next(ChildStarted, path="s/web")
            assert answer(path) == started.pid
    assert load.answers
    assert not load.refused
    assert node.stop() == 0
    assert not os.path.exists(path)  # noqa: PTH110


def test_what_comes_while_nothing_serves_waits(nodes: Nodes) -> None:
    node = nodes.run(f"""
        name: waits
        sockets: {{web: 127.0.0.1:0, udp: "udp://127.0.0.1:0"}}
        children:
          - {{id: a, start: "{WORKERS}:Server", sockets: [web, udp]}}
        """)
    addresses = {k: ast.literal_eval(v) for k, v in node.call("a", "addresses").items()}
    assert list(addresses) == ["web", "udp"]
    node.client.supervisor("").terminate_child("a")
    with (
        socket.create_connection(addresses["web"], timeout=DEADLINE_S) as asker,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        sender.sendto(b"kept", addresses["udp"])
        node.client.supervisor("").restart_child("a")
        served_by = node.call("a", "accept")
        assert int(asker.recv(100)) == served_by
        assert node.call("a", "receive") == "kept"
    assert "has not asked for that socket" in node.call("a", "missing")


def test_a_child_that_closes_or_shuts_down_its_socket_does_so_for_itself(nodes: Nodes) -> None:
    with socket.socket() as reserved:  # a port that nobody else gets; not bound for listening
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        node = nodes.run(f"""
            name: closes
            max_restarts: 100
            sockets: {{web: {{listen: "127.0.0.1:{port}", reuse_port: true}}}}
            children:
              - {{id: a, start: "{WORKERS}:Server", sockets: [web]}}
              - {{id: b, start: "{WORKERS}:Server", sockets: [web]}}
            """)
        for what in ("close", "shut_down"):
            node.call("a", what)
            node.recover("a")
            for path in ("a", "b"):
                address = ("127.0.0.1", port)
                with socket.create_connection(address, timeout=DEADLINE_S) as asker:
                    assert node.call(path, "accept") == int(asker.recv(100))


def held_by(pid: int) -> set[str]:
    return {what for what in descriptors(pid).values() if what.startswith("socket:")}


def test_a_hundred_sockets_are_held_by_the_node_and_their_users_alone(nodes: Nodes) -> None:
    names = [f"s{number}" for number in range(100)]
    listed = ", ".join(f'{name}: "@otpy-{os.getpid()}-{name}"' for name in names)
    node = nodes.run(f"""
        name: hundred
        sockets: {{{listed}}}
        children:
          - {{id: program, command: [sh, -c, 'echo $LISTEN_FDNAMES;
                test $LISTEN_PID = $$ && exec sleep 100000'],
             sockets: [{", ".join(names)}]}}
          - {{id: server, start: "{WORKERS}:Server", sockets: [s99, s0]}}
          - {{id: other, start: "{WORKERS}:Server"}}
        """)
    assert node.says(rf"program \| {':'.join(names)}$")
    pids = node.pids()
    of_program = descriptors(pids["program"])
    assert set(of_program) == set(range(103))
    theirs = held_by(pids["program"])
    assert len(theirs) == 100
    assert theirs <= held_by(node.pid)
    assert list(node.call("server", "addresses")) == ["s99", "s0"]
    assert held_by(pids["server"]) & theirs == {of_program[102], of_program[3]}
    for path in ("", "@gateway", "@logger", "other"):
        assert not held_by(pids[path]) & theirs, path
    assert node.call("other", "addresses") == {}


def test_a_program_that_cannot_be_executed_says_so_all_the_same(nodes: Nodes) -> None:
    """Its sockets have the numbers that it speaks to its supervisor by."""
    names = [f"s{number}" for number in range(30)]
    listed = ", ".join(f'{name}: "@otpy-{os.getpid()}-{name}"' for name in names)
    node = nodes.start(f"""
        name: refused
        sockets: {{{listed}}}
        children:
          - {{id: a, command: [/nonexistent/program], sockets: [{", ".join(names)}]}}
        """)
    failed = node.next(ChildStartFailed, path="a")
    assert "/nonexistent/program" in str(failed.reason)
    assert node.wait() == 1


def test_a_dynamic_child_and_each_instance_get_theirs(nodes: Nodes) -> None:
    node = nodes.run(f"""
        name: many
        sockets: {{web: WORK/web.sock}}
        children:
          - {{id: pool, start: "{WORKERS}:Server", instances: 3, sockets: [web]}}
          - id: d
            strategy: dynamic
            template: {{start: "{WORKERS}:Server", sockets: [web]}}
        """)
    path = str(nodes.work / "web.sock")
    node.client.supervisor("d").start_child({})
    child = node.client.supervisor("d").start_child
    assert child is not None
    for worker in ("pool/0", "pool/1", "pool/2", "d/worker-1"):
        with contextlib.closing(connect(path)) as asker:
            assert node.call(worker, "accept") == int(asker.recv(100))
    with pytest.raises(Exception, match="no supervisor above 'extra' has a socket 'udp'"):
        node.client.supervisor("").start_child(
            {
                "id": "extra",
                "start": f"{WORKERS}:Server",
                "sockets": ["udp"],
                "restart": "temporary",
            }
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be another user")
def test_a_child_of_another_user_serves_a_port_that_is_roots(nodes: Nodes) -> None:
    nodes.work.chmod(0o755)
    (nodes.work / "private").mkdir(mode=0o700)
    node = nodes.run(f"""
        name: nobodys
        sockets: {{web: {{listen: WORK/private/web.sock, mode: "0600"}}}}
        children:
          - {{id: a, start: "{WORKERS}:Server", user: nobody, sockets: [web]}}
        """)
    assert node.call("a", "user") == pwd.getpwnam("nobody").pw_uid
    with contextlib.closing(connect(str(nodes.work / "private" / "web.sock"))) as asker:
        assert node.call("a", "accept") == int(asker.recv(100))


# ---- a start that cannot be, and one after another --------------------------------------------


@pytest.mark.parametrize("kind", ["tcp", "unix", "file"])
def test_an_address_in_use_is_told_before_anything_starts(nodes: Nodes, kind: str) -> None:
    path = nodes.work / "web.sock"
    with socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX) as other:
        if kind == "file":
            path.write_text("")
        else:
            other.bind(("127.0.0.1", 0) if kind == "tcp" else str(path))
            other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}" if kind == "tcp" else str(path)
        file = nodes.write(f"""
            name: used
            sockets: {{fine: WORK/fine.sock, web: "{address}"}}
            children: []
            """)
        node = nodes.otpy_run(file, "used")
        assert node.wait() == 1
    why = "there is a file that is no socket" if kind == "file" else "the address is in use"
    assert node.errors == (
        f"otpy: cannot start used: socket 'web': cannot listen on {address}: {why}\n"
    )
    assert "started" not in node.output
    assert not (nodes.work / "fine.sock").exists()


def test_a_node_that_was_killed_is_started_again_at_once(nodes: Nodes) -> None:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        text = f"""
            name: again
            sockets:
              web: {{listen: "127.0.0.1:{port}", reuse_port: true}}
              file: WORK/file.sock
            children:
              - {{id: a, start: "{WORKERS}:Server", sockets: [web, file]}}
            """
        node = nodes.run(text)
        node.kill("@node")
        assert node.wait() == -signal.SIGKILL
        assert (nodes.work / "file.sock").exists()
        node = nodes.run(text)  # which waits until the old tree has gone
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as asker:
            assert node.call("a", "accept") == int(asker.recv(100))


PASSING = """
import os, socket, sys
made = []
for number, (name, kind, address) in enumerate(eval(sys.argv[1]), 3):
    made.append(socket.socket(socket.AF_UNIX, kind))
    made[-1].bind(address)
    if kind == socket.SOCK_STREAM:
        made[-1].listen()
copies = [os.dup(each.fileno()) for each in made]
moved = [os.dup2(copy, number, inheritable=True) for number, copy in enumerate(copies, 100)]
for number, copy in enumerate(moved, 3):
    os.dup2(copy, number)
    os.close(copy)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(moved))
os.environ["LISTEN_FDNAMES"] = ":".join(each[0] for each in eval(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


def run_with_passed(
    nodes: Nodes, passed: list[tuple[str, int, str]], text: str, *, guarded: bool = False
) -> NodeUnderTest:
    file = nodes.write(text)
    run = [sys.executable, "-m", "otpy", "run", str(file)]
    if guarded:
        run = heart_command(load(file, check_imports=False))
    return nodes.start_by("passed", [sys.executable, "-c", PASSING, repr(passed), *run])


def test_a_socket_that_is_passed_under_its_name_is_taken_first(nodes: Nodes) -> None:
    path = str(nodes.work / "passed.sock")
    passed: list[tuple[str, int, str]] = [
        ("other", int(socket.SOCK_STREAM), f"{path}.other"),
        ("web", int(socket.SOCK_STREAM), path),
    ]
    text = f"""
        name: passed
        sockets: {{web: WORK/unused.sock}}
        children:
          - {{id: a, start: "{WORKERS}:Server", sockets: [web]}}
          - {{id: env, command: [sh, -c, "echo is $LISTEN_FDS.; exec sleep 100000"]}}
        """
    node = run_with_passed(nodes, passed, text).up()
    assert node.complains("a socket named 'other' was passed, which no supervisor of the tree has")
    assert node.says(r"env \| is \.$")
    with contextlib.closing(connect(path)) as asker:
        assert node.call("a", "accept") == int(asker.recv(100))
    assert node.stop() == 0
    assert not (nodes.work / "unused.sock").exists()
    assert Path(path).exists()  # it is not the node's


def test_a_guardian_keeps_what_is_passed_over_the_death_of_the_node(nodes: Nodes) -> None:
    path = str(nodes.work / "passed.sock")
    passed: list[tuple[str, int, str]] = [("web", int(socket.SOCK_STREAM), path)]
    text = f"""
        name: passed
        sockets: {{web: WORK/unused.sock}}
        children:
          - {{id: web, start: "{WORKERS}:serve", sockets: [web]}}
        """
    node = run_with_passed(nodes, passed, text, guarded=True)
    started = node.next(NodeStarted)
    load = Load(path)
    with load.running():
        os.kill(started.pid, signal.SIGKILL)
        node.next(NodeStarted)
        assert answer(path)
    assert load.answers
    assert not load.refused


@pytest.mark.parametrize(
    ("passed", "why"),
    [
        ([("web", socket.SOCK_DGRAM)], "is a datagram socket"),
        ([("web", socket.SOCK_STREAM)] * 2, "is one of several of that name"),
    ],
)
def test_what_is_passed_and_does_not_fit_is_told(
    nodes: Nodes, passed: list[tuple[str, int]], why: str
) -> None:
    own: list[tuple[str, int, str]] = [
        (name, int(kind), str(nodes.work / str(number)))
        for number, (name, kind) in enumerate(passed)
    ]
    text = "name: passed\nsockets: {web: 8000}\nchildren: []\n"
    node = run_with_passed(nodes, own, text)
    assert node.wait() == 1
    told = "otpy: cannot start passed: socket 'web': what was passed under that name"
    assert node.errors == f"{told} {why}\n"


def test_a_node_within_a_node_gets_its_socket(nodes: Nodes, monkeypatch: Any) -> None:
    inner = nodes.write(
        f"""
        name: inner
        sockets: {{web: WORK/unused.sock}}
        children:
          - {{id: a, start: "{WORKERS}:serve", sockets: [web]}}
        """,
        "inner.yaml",
    )
    node = nodes.run(f"""
        name: outer
        sockets: {{web: WORK/web.sock}}
        children:
          - id: inner
            command: ['{sys.executable}', -m, otpy, run, '{inner}']
            sockets: [web]
            ready: {{log: inner is up}}
        """)
    path = str(nodes.work / "web.sock")
    first = answer(path)
    node.kill("inner")
    node.next(ChildEnded, path="inner")
    node.next(ChildStarted, path="inner")
    assert answer(path) != first
