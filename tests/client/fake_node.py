"""A node of threads in the test's own process, with workers that are real processes.

It speaks `otpy.wire.gateway` on a real socket. Its gateway can be killed and brought back: as a
client sees it, all connections end, and new ones wait in the backlog.
"""

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from otpy.errors import CallTimeout, NoProcess, OtpyError, SupervisorError
from otpy.system.descriptor import Descriptor, close_all, pipe
from otpy.system.fdpass import send_fds
from otpy.system.nodedir import NodeDir
from otpy.wire import gateway, link
from otpy.wire.codec import pack, unpack
from otpy.wire.frames import MAX_FRAME, FrameDecoder, frame

WAIT_S = 30.0
WORKER = Path(__file__).with_name("fake_worker.py")


def wait_dead(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(WAIT_S * 1000), "it did not die"


def await_hang_up(reader: int) -> None:
    """Wait until nobody can write into a pipe any more."""
    poll = select.poll()
    poll.register(reader, 0)
    assert poll.poll(WAIT_S * 1000), "nobody hung up"


class FakeWorker:
    """One name, whose process is started again whenever it dies, until it is stopped."""

    def __init__(self, path: str, manners: list[str], *, restarted: bool = True) -> None:
        self.path = path
        self.manners = manners
        self.restarted = restarted
        self.changed = threading.Condition()
        self.state = "restarting"
        self.incarnation = 0
        self.pid = 0
        self.exits: dict[int, str] = {}
        self.may_start = threading.Event()
        self.may_start.set()
        self.connects = 0
        self.announced = False
        self._control: socket.socket | None = None
        self._pidfd = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()
        self.wait(lambda: self.incarnation >= 1)

    def _keep(self) -> None:
        while not self._stopping:
            assert self.may_start.wait(WAIT_S)
            if self._stopping:
                break
            self._start()
            wait_dead_for_ever(self._pidfd)
            self._bury()
            if not self.restarted:
                break

    def _start(self) -> None:
        mine, its = socket.socketpair()
        manner = self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]
        with its:
            process = subprocess.Popen(
                [sys.executable, str(WORKER), str(its.fileno()), str(self.incarnation + 1), manner],
                pass_fds=[its.fileno()],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )
        with self.changed:
            self._control, self._process = mine, process
            self._pidfd = os.pidfd_open(process.pid)
            self.incarnation += 1
            self.pid, self.state = process.pid, "running"
            if self._stopping:
                process.kill()
            self.changed.notify_all()

    def _bury(self) -> None:
        assert self._process is not None
        assert self._control is not None
        status = self._process.wait()
        with self.changed:
            name = signal.Signals(-status).name if status < 0 else ""
            reason = "killed" if name == "SIGKILL" else f"signal: {name}"
            self.exits[self.incarnation] = reason if name else f"exit: {status}"
            self.state = "restarting" if self.restarted and not self._stopping else "stopped"
            self._control.close()
            os.close(self._pidfd)
            self.changed.notify_all()

    def wait(self, condition: Callable[[], bool], timeout: float = WAIT_S) -> bool:
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def open_link(self, timeout: float | None) -> tuple[dict[str, Any], tuple[Descriptor, ...]]:
        self.wait(lambda: self.state != "restarting", WAIT_S if timeout is None else timeout)
        with self.changed:
            if self.state == "restarting":
                raise CallTimeout(f"{self.path!r} did not come up in time")
            if self.state != "running":
                raise NoProcess(f"{self.path!r} is not running")
            assert self._control is not None
            self.connects += 1
            self.changed.notify_all()
            to_client, from_client = pipe(), pipe()
            for end in (to_client[0], from_client[1]):
                os.set_blocking(end.fileno(), False)
            with contextlib.suppress(OSError):
                send_fds(self._control, b"l", [from_client[0], to_client[1]])
            close_all([from_client[0], to_client[1]])
            who: dict[str, Any] = {
                "path": self.path,
                "pid": self.pid,
                "incarnation": self.incarnation,
            }
            if self.announced:
                who["hello"] = (link.VERSION, self.incarnation, MAX_FRAME)
            return who, (to_client[0], from_client[1], Descriptor(os.dup(self._pidfd)))

    def exit_info(self, incarnation: int) -> str:
        self.wait(lambda: incarnation in self.exits)
        return self.exits[incarnation]

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def row(self) -> dict[str, Any]:
        up = self.state == "running"
        return {
            "path": self.path,
            "kind": "worker",
            "state": self.state,
            "pid": self.pid if up else None,
            "incarnation": self.incarnation,
            "restarts": max(0, self.incarnation - 1),
        }

    def stop(self) -> None:
        with self.changed:
            self._stopping = True
            if self.state == "running":
                self.kill()
        self.may_start.set()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


def wait_dead_for_ever(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.poll()


_OTHER_PROGRAM = """
import os, socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
listener.listen()
print("listens", flush=True)
while True:
    connection, _ = listener.accept()
    print("is told", connection.recv(1000), flush=True)
"""


@contextlib.contextmanager
def other_program_at(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Listen at `path` as the user nobody, and print what arrives. Only root can do that."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        with subprocess.Popen(
            [sys.executable, "-c", _OTHER_PROGRAM, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            listener.close()
            assert process.stdout is not None
            assert process.stdout.readline() == "listens\n"
            yield process
            process.kill()


class Held:
    def __init__(self) -> None:
        self.arrived, self.may_go = threading.Event(), threading.Event()


class FakeNode:
    def __init__(self, name: str = "fake") -> None:
        self.dir = NodeDir(name)
        self.dir.create()
        self.name = name
        self.version = gateway.VERSION
        self.workers: dict[str, FakeWorker] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.events: list[dict[str, Any]] = []
        self.happened = threading.Condition()
        self.held: dict[str, Held] = {}
        self._lock = os.open(self.dir.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.dir.control_sock))
        self._listener.listen(128)
        self._body = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
        self._generation: Generation | None = None
        self.start_gateway()

    @property
    def pid(self) -> int:
        """Of the process that stands for the node: its pidfd is what a shutdown waits on."""
        return self._body.pid

    def start_gateway(self) -> None:
        assert self._generation is None
        self._generation = Generation(self, self._listener)

    def kill_gateway(self) -> None:
        assert self._generation is not None
        self._generation.kill()
        self._generation = None

    def hold(self, operation: str) -> "Held":
        """Accept requests of this operation, and answer none until told to."""
        self.held[operation] = held = Held()
        return held

    def times_asked(self, operation: str) -> int:
        return sum(asked == operation for asked, _ in self.asked)

    def add(self, path: str, *manners: str, restarted: bool = True) -> FakeWorker:
        worker = FakeWorker(path, list(manners) or ["well"], restarted=restarted)
        self.workers[path] = worker
        return worker

    def find(self, name: str) -> FakeWorker:
        for worker in self.workers.values():
            if name in (worker.path, worker.path.rpartition("/")[2]):
                return worker
        raise NoProcess(f"{name!r}: no such process")

    def publish(self, event: dict[str, Any]) -> None:
        with self.happened:
            self.events.append(event)
            self.happened.notify_all()

    def end_body(self) -> None:
        self._body.kill()
        self._body.wait()

    def close(self) -> None:
        if self._generation is not None:
            self.kill_gateway()
        for worker in self.workers.values():
            worker.stop()
        self._listener.close()
        self.dir.control_sock.unlink()
        os.close(self._lock)
        self.end_body()


class Generation:
    """One incarnation of the gateway: a thread that accepts, and one for each client."""

    def __init__(self, node: FakeNode, listener: socket.socket) -> None:
        self.node, self.listener = node, listener
        self.alive = True
        self._wake, self._stop = os.pipe()
        self._threads: list[threading.Thread] = []
        self._clients: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while all(fd != self._wake for fd, _ in poll.poll()):
            client, _ = self.listener.accept()
            self._clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def kill(self) -> None:
        self.alive = False
        os.close(self._stop)
        self._accepting.join(WAIT_S)
        os.close(self._wake)
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for held in self.node.held.values():
            held.may_go.set()
        self.node.held.clear()
        with self.node.happened:
            self.node.happened.notify_all()
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()

    def _serve(self, client: socket.socket) -> None:
        sending = threading.Lock()
        frames = FrameDecoder()
        helpers: list[threading.Thread] = []
        with client, contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                for body in frames.feed(data):
                    request: Any = unpack(body)
                    helper = threading.Thread(target=self._answer, args=(client, sending, *request))
                    helpers.append(helper)
                    helper.start()
        for helper in helpers:
            helper.join(WAIT_S)
            assert not helper.is_alive()

    def _answer(
        self,
        client: socket.socket,
        sending: threading.Lock,
        number: int,
        operation: str,
        arguments: dict[str, Any],
    ) -> None:
        def send(*message: object, fds: tuple[Descriptor, ...] = ()) -> None:
            data = frame(pack((number, *message)))
            with sending, contextlib.suppress(OSError, ValueError):
                send_fds(client, data, fds)
            close_all(fds)

        self.node.asked.append((operation, arguments))
        if (held := self.node.held.get(operation)) is not None:
            held.arrived.set()
            assert held.may_go.wait(WAIT_S)
        try:
            if operation == "events":
                after = arguments.get("after", 0) if arguments.get("node") == self.node.pid else 0
                self._send_events(send, after, follow=arguments["follow"])
                return
            value, fds = self._do(operation, arguments)
        except OtpyError as error:
            send(gateway.ERROR, type(error).__name__, list(error.args))
        else:
            send(gateway.OK, value, fds=fds)

    def _send_events(self, send: Callable[..., None], sent: int, *, follow: bool) -> None:
        happened, events = self.node.happened, self.node.events

        def has_news() -> bool:
            return len(events) > sent or not self.alive

        while self.alive:
            with happened:
                if follow:
                    happened.wait_for(has_news, WAIT_S)
                fresh = events[sent:]
            for position, event in enumerate(fresh if self.alive else (), sent + 1):
                send(gateway.EVENT, event, [position])
            sent += len(fresh)
            if not follow:
                send(gateway.OK, None)
                return

    def _do(self, operation: str, arguments: dict[str, Any]) -> tuple[Any, tuple[Descriptor, ...]]:
        node = self.node
        if operation == "connect":
            return node.find(arguments["name"]).open_link(arguments["timeout"])
        if operation == "shutdown":
            pidfd = Descriptor(os.pidfd_open(node.pid))
            node.end_body()
            return None, (pidfd,)
        return self._tell(operation, arguments), ()

    def _tell(self, operation: str, arguments: dict[str, Any]) -> Any:
        node = self.node
        told: Any = None
        match operation:
            case "hello":
                told = {"node": node.name, "pid": node.pid, "config": "f.yaml"}
                told["version"] = node.version
            case "whereis":
                told = node.find(arguments["name"]).row()
            case "tree":
                pool = {"kind": "supervisor", "state": "running", "pid": 1, "incarnation": 1}
                rows = [{"path": "", **pool}, {"path": "pool", **pool}]
                gate = {"path": "@gateway", "kind": "gateway", "state": "running"}
                told = [*rows, *(worker.row() for worker in node.workers.values()), gate]
            case "exit_info":
                reason = node.find(arguments["path"]).exit_info(arguments["incarnation"])
                told = {"reason": reason, "traceback": ""}
            case "signal":
                node.find(arguments["name"]).kill(arguments["number"])
            case "supervisor":
                told = self._supervise(arguments)
            case _:
                raise OtpyError(f"no such operation: {operation}")
        return told

    def _supervise(self, arguments: dict[str, Any]) -> Any:
        child = {"id": "w", "state": "running", "kind": "worker", "pid": 7, "incarnation": 2}
        match arguments["op"]:
            case "which_children":
                return [child, {**child, "id": "v", "state": "undefined", "pid": None}]
            case "count_children":
                return {"specs": 3, "active": 2, "supervisors": 1, "workers": 2}
            case "start_child":
                return {**child, "id": arguments["spec"]["id"]}
            case "restart_child":
                raise SupervisorError("running")
            case "get_childspec":
                return {"id": arguments["child"], "start": "m:f"}
        return None


def removed(path: str, at: float) -> dict[str, object]:
    """Return an event as the gateway sends it."""
    return {"event": "ChildRemoved", "at": at, "path": path}
