"""Children whose `health` probe fails several times on end are killed (10.3)."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from otpy.core.health import Health
from otpy.core.probes import Probe, TcpProbe
from otpy.events import ChildEnded, ChildRestarting, ChildStarted
from otpy.runtime.supervisor.health import in_short
from tests.support.node import Nodes, NodeUnderTest


@contextmanager
def web(statuses: list[int]) -> Iterator[int]:
    """Answer with each status in turn, and with the last from then on; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as it is called
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def unhealthy(node: NodeUnderTest, path: str) -> str:
    # Its first end may have come while the others started.
    ended = next(iter(node.seen(ChildEnded, path=path)), None) or node.next(ChildEnded, path=path)
    assert (ended.signal, ended.clean, ended.asked) == ("SIGKILL", False, False)
    if not node.seen(ChildStarted, path=path, incarnation=2):
        node.next(ChildStarted, path=path, incarnation=2)
    return ended.reason


def test_a_child_whose_probe_fails_is_killed_and_its_strategy_decides(nodes: Nodes) -> None:
    """Over HTTP, TCP and by a program; a program, a server, a function; one probe hangs."""
    accepting = socket.create_server(("127.0.0.1", 0))
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, web([200, 503, 200, 503, 503, 200]) as port:
        node = nodes.run(f"""
            name: ill
            max_restarts: 100000
            children:
              - id: http
                command: [sleep, "1000"]
                health: {{http: "http://127.0.0.1:{port}/health", every: 10ms, failures: 2}}
              - id: tcp
                start: "tests.support.workers:Remote"
                args: [WORK/log]
                health: {{tcp: "127.0.0.1:{accepting.getsockname()[1]}", every: 10ms}}
              - id: exec
                start: "tests.support.workers:waits"
                env: {{FILE: WORK/well}}
                health: {{exec: [sh, -c, 'test -e "$FILE" || exit 7'], every: 300ms, failures: 1}}
              - id: hangs
                start: "tests.support.watched_workers:AsyncRemote"
                args: [WORK/log]
                health:
                  tcp: "127.0.0.1:{accepting.getsockname()[1]}"
                  after: 1h
              - id: silent
                command: [sleep, "1000"]
                health:
                  http: "http://127.0.0.1:{silent.getsockname()[1]}/"
                  timeout: 300ms
                  every: 10ms
                  failures: 1
            """)
        assert node.call("hangs", "increment") == 1
        assert unhealthy(node, "http") == "unhealthy: http 503"
        assert node.says("http: ended: unhealthy: http 503")
        assert unhealthy(node, "exec") == "unhealthy: exit: 7"
        (node.work / "well").touch()
        assert unhealthy(node, "silent") == "unhealthy: no answer in time"
        accepting.close()
        assert unhealthy(node, "tcp") == "unhealthy: connection refused"
        assert node.call("hangs", "increment") == 2
        reasons = {event.path: event.reason for event in node.seen(ChildRestarting)}
        assert reasons["tcp"] == "unhealthy: connection refused"
        assert "hangs" not in reasons
        assert node.stop() == 0


def test_with_one_for_all_an_unhealthy_child_takes_its_siblings_along(nodes: Nodes) -> None:
    node = nodes.run("""
        name: together
        strategy: one_for_all
        max_restarts: 1000
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
          - id: b
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            instances: 2
            health: {exec: [test, "!", -e, WORK/ill], every: 30ms, failures: 2}
          - id: c
            command: [sleep, "1000"]
            health: {exec: [test, "!", -e, WORK/ill], every: 30ms, failures: 2}
        """)
    (node.work / "ill").touch()
    assert unhealthy(node, "c") == "unhealthy: exit: 1"
    (node.work / "ill").unlink()
    assert node.seen(ChildStarted, path="a", incarnation=2)
    assert node.stop() == 0


def test_only_failures_on_end_count() -> None:
    health = Health(Probe(TcpProbe("localhost", 1)), failures=2)
    failures, found = 0, []
    for held in (False, True, False, False):
        failures = health.failures_after(failures, held=held)
        found.append(health.is_too_many(failures))
    assert found == [False, False, False, True]


def test_a_reason_says_what_failed_in_short() -> None:
    assert in_short("http http://a/: status 503, not 200", "http http://a/") == "http 503"
    assert in_short("tcp a:1: connection refused", "tcp a:1") == "connection refused"


def test_a_child_that_is_added_has_these_keys_too(nodes: Nodes) -> None:
    """By `start_child`, and by a template of a dynamic supervisor."""
    node = nodes.run("""
        name: added
        max_restarts: 1000
        children:
          - id: pool
            strategy: dynamic
            max_restarts: 1000
            template:
              start: "tests.support.workers:Remote"
              args: [WORK/log]
              max_messages: 2
              health: {exec: [test, "!", -e, WORK/ill], every: 50ms, failures: 1}
        """)
    root = node.client.supervisor("")
    spec = {
        "id": "a",
        "start": "tests.support.workers:Remote",
        "args": [str(node.work / "log")],
        "watchdog": 0.2,
        "health": {"exec": ["test", "!", "-e", str(node.work / "ill")], "every": 0.05},
        "max_age": "1h",
    }
    root.start_child(spec)
    found = root.get_childspec("a")
    assert (found["watchdog"], found["max_age"]) == (0.2, {"limit": 3600.0, "jitter": 0.1})
    assert found["health"]["failures"] == 3
    node.client.supervisor("pool").start_child({"id": "w"})
    assert [node.call("pool/w", "increment") for _ in range(3)] == [1, 2, 1]
    node.client["a"].cast("hang_later")
    assert node.next(ChildEnded, path="a").reason == "hung"
    (node.work / "ill").touch()
    assert node.next(ChildEnded, path="a").reason == "unhealthy: exit: 1"
    assert node.next(ChildEnded, path="pool/w").reason == "unhealthy: exit: 1"
    assert node.stop() == 0
