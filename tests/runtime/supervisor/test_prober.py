"""Probes, one by one: what holds, what does not and why, and that none of them keeps the loop."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from otpy.core.probes import ExecProbe, HttpProbe, Probe, Question, TcpProbe
from otpy.core.surroundings import Surroundings
from otpy.runtime.supervisor import attempts
from otpy.runtime.supervisor.helpers import Helpers
from otpy.runtime.supervisor.prober import Prober
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.system.sockets import STREAM, Socket, unbound_socket
from tests.support.processes import DEADLINE_S, is_alive

STUCK = 1e6
SOON = 0.01


class PidfdReaper:
    """Reaps helpers as a supervisor does, by their pidfds."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.alive: set[int] = set()

    def watch_helper(self, pid: int, reap: Callable[[], None]) -> None:
        pidfd = Descriptor(os.pidfd_open(pid))
        self.alive.add(pid)

        def ended(_events: int) -> None:
            pidfd.close()
            self.alive.discard(pid)
            reap()

        self._loop.watch(pidfd, ended)

    def await_helper(self, pid: int) -> None:
        assert pid in self.alive


class Bench:
    """A loop with what a probe needs."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Use another loop: one that was stopped does not run again."""
        self.loop = Loop()
        self.reaper = PidfdReaper(self.loop)
        self.helpers = Helpers(self.loop, self.reaper)

    def results(
        self,
        question: Question,
        count: int = 1,
        *,
        timeout: float = DEADLINE_S,
        given: Surroundings | None = None,
    ) -> list[str]:
        """Ask until there are so many results; return them once no process is left."""
        found: list[str] = []

        def report(why: str) -> None:
            found.append(why)
            if len(found) == count:
                prober.close()
                self.loop.call_soon(self._stop_when_alone)

        probe = Probe(question, every=SOON, timeout=timeout)
        prober = Prober(self.loop, self.helpers, probe, report, given or Surroundings())
        self.loop.run()
        self.loop.close()
        self.renew()
        return found

    def _stop_when_alone(self) -> None:
        if self.reaper.alive:
            self.loop.call_later(SOON / 10, self._stop_when_alone)
        else:
            self.loop.stop()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.loop.close()


@contextmanager
def answering(*answers: bytes, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """Accept a connection for each answer, in order; yield the port."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.create_server((host, 0), family=family) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    request = b""
                    while b"\r\n\r\n" not in request and (data := connection.recv(4096)):
                        request += data
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(DEADLINE_S)


@pytest.fixture
def unused() -> Iterator[int]:
    """Return a port at which nobody listens."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def response(status: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} Some Words\r\n{more}\r\n".encode()


def test_a_port_that_listens_holds_and_another_does_not(bench: Bench, unused: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert bench.results(TcpProbe("127.0.0.1", port), 2) == ["", ""]
        assert bench.results(TcpProbe("localhost", port)) == [""]
    refused = f"tcp 127.0.0.1:{unused}: connection refused"
    assert bench.results(TcpProbe("127.0.0.1", unused), 2) == [refused, refused]


def test_localhost_is_both_of_its_addresses(bench: Bench) -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("there is no IPv6 here")
    with server:
        assert bench.results(TcpProbe("localhost", server.getsockname()[1])) == [""]
        assert bench.results(TcpProbe("::1", server.getsockname()[1])) == [""]


def test_a_connection_to_itself_is_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port at which nobody listens may be the one that the system gives the socket itself."""

    def bound(*_: object) -> Socket:
        found = unbound_socket(STREAM, socket.AF_INET)
        found.bind(("127.0.0.1", port))
        return found

    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(attempts, "unbound_socket", bound)
    assert bench.results(TcpProbe("127.0.0.1", port)) == [
        f"tcp 127.0.0.1:{port}: connection refused"
    ]


def test_a_name_is_looked_up_without_waiting_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        known = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: known)
        assert bench.results(TcpProbe("db.example", port)) == [""]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: time.sleep(STUCK))
    (why,) = bench.results(TcpProbe("db.example", port), timeout=SOON)
    assert why == f"tcp db.example:{port}: no answer in time"

    def unknown(*_args: object, **_kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (why,) = bench.results(TcpProbe("nowhere.example", 80))
    assert why == "tcp nowhere.example:80: nowhere.example: Name or service not known"


@pytest.mark.parametrize(
    "answer",
    [
        response(200),
        response(200, "Content-Length: 0\r\n"),
        b"HTTP/1.0 200 OK\n\nhello",
        response(200, "Content-Length: 100000\r\n") + b"x" * 100_000,
        b"HTTP/1.1 200\r\n\r\n",
    ],
    ids=["to the end", "of no length", "old", "long", "no words"],
)
def test_an_answer_of_http_holds_by_its_status(bench: Bench, answer: bytes) -> None:
    with answering(answer) as port:
        assert bench.results(HttpProbe(f"http://127.0.0.1:{port}/health?a=b")) == [""]


def test_what_is_no_such_answer_says_what_it_was(bench: Bench, unused: int) -> None:
    answers = (response(503), response(404), b"SSH-2.0\r\n", b"", response(204))
    with answering(*answers) as port:
        url = f"http://localhost:{port}"
        assert bench.results(HttpProbe(url), 4) == [
            f"http {url}: status 503, not 200",
            f"http {url}: status 404, not 200",
            f"http {url}: no answer of HTTP",
            f"http {url}: no answer",
        ]
        assert bench.results(HttpProbe(url, 204)) == [""]
    url = f"http://127.0.0.1:{unused}/"
    assert bench.results(HttpProbe(url)) == [f"http {url}: connection refused"]


def test_a_server_that_does_not_answer_is_not_waited_for(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        late = f"http {url}: no answer in time"
        assert bench.results(HttpProbe(url), 2, timeout=SOON) == [late, late]


def test_a_program_holds_by_its_exit_status(bench: Bench, tmp_path: Path) -> None:
    assert bench.results(ExecProbe(("true",)), 2) == ["", ""]
    assert bench.results(ExecProbe(("sh", "-c", "echo; echo no luck >&2; exit 3"))) == [
        "exec sh: exit: 3: no luck"
    ]
    assert bench.results(ExecProbe(("sh", "-c", "kill -SEGV $$"))) == ["exec sh: signal: SIGSEGV"]
    (why,) = bench.results(ExecProbe(("no-such-program",)))
    assert why.startswith("exec no-such-program: exit: 127: cannot execute 'no-such-program'")
    given = Surroundings(env={"A": "b"}, cwd=str(tmp_path))
    asks = f'test "$A" = b && test "$PWD" = {tmp_path}'
    assert bench.results(ExecProbe(("sh", "-c", asks)), given=given) == [""]
    (why,) = bench.results(ExecProbe(("true",)), given=Surroundings(cwd="/no/such"))
    assert "cwd: '/no/such': No such file" in why


def test_a_program_that_hangs_is_killed_with_its_group(bench: Bench, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 1000000 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    found: list[str] = []

    def report(why: str) -> None:
        found.append(why)
        if pids.exists():
            prober.close()
            bench.loop.stop()

    probe = Probe(ExecProbe(("sh", "-c", script)), every=SOON, timeout=0.2)
    prober = Prober(bench.loop, bench.helpers, probe, report)
    bench.loop.run()
    assert set(found) == {"exec sh: no answer in time"}
    until = time.monotonic() + DEADLINE_S
    for pid in map(int, pids.read_text().split()):
        while is_alive(pid) and time.monotonic() < until:
            pass
        assert not is_alive(pid)
    while bench.reaper.alive:
        bench.loop._run_once()


def test_a_program_that_prints_without_end_does_not_fill_the_memory(bench: Bench) -> None:
    script = "import sys\nfor _ in range(2000): sys.stdout.write('x' * 1000)\nsys.exit(1)"
    (why,) = bench.results(ExecProbe((sys.executable, "-c", script)))
    assert why == f"exec {sys.executable}: exit: 1: {'x' * 200}"
