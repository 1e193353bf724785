"""`otpy logs` of a real node: while it runs, over its restart, and afterwards."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from otpy.wire.log_record import LogRecord, parse_json, parse_line
from tests.cli.commands import Run
from tests.support.node import Nodes

SERVER = """
import logging, os
import otpy

log = logging.getLogger("shop.orders")

class Server(otpy.GenServer):
    def init(self):
        print("up")
    @otpy.call
    def place(self, order):
        log.warning("order %s", order, extra={"order": order})
        os.write(2, b"a half of a line")
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("failed")
"""

TREE = """
name: app
cwd: WORK
children:
  - id: pool
    children:
      - {id: a, start: "server:Server", max_restarts: 5}
      - {id: b, command: [sh, -c, "echo out; echo err >&2; exec sleep 1000"]}
"""


@contextmanager
def following(*words: str) -> Iterator[Iterator[LogRecord]]:
    command = [sys.executable, "-m", "otpy", "logs", "-f", "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, b"")
        try:
            yield (each for each in map(record_in, lines) if isinstance(each, LogRecord))
        finally:
            process.kill()


def record_in(line: bytes) -> LogRecord | None:
    found = parse_line(line)
    return None if found is None else found.record


def until(records: Iterator[LogRecord], text: str, path: str) -> LogRecord:
    return next(each for each in records if each.path == path and each.text.startswith(text))


def test_what_a_node_logs_is_followed_over_its_restart(nodes: Nodes, otpy: Run) -> None:
    (nodes.work / "server.py").write_text(SERVER)
    node = nodes.run(TREE)
    node.says("pool/b . err")
    with following() as records:
        assert until(records, "app is up", "@node").logger == "otpy"
        node.call("pool/a", "place", "A7")
        placed = until(records, "order A7", "pool/a")
        assert (placed.stream, placed.level, placed.logger) == ("log", "WARNING", "shop.orders")
        node.recover("pool/a")
        # What was printed without a newline ends where the next record begins.
        assert until(records, "a half of a line", "pool/a").incarnation == 1
        assert until(records, "up", "pool/a").incarnation == 2
        assert node.stop() == 0
        until(records, "app has stopped: in order", "@node")

        def logged(*words: str) -> list[LogRecord | None]:
            done = otpy("logs", "-n", "app", "--json", *words)
            assert (done.status, done.err) == (0, "")
            return [parse_json(line.encode()) for line in done.out.splitlines()]

        of_b = [(each.stream, each.text) for each in logged("b") if each]
        assert sorted(of_b) == [("err", "err"), ("out", "out")]
        before = [each for each in logged("a", "--previous") if each]
        assert {each.incarnation for each in before} == {1}
        assert [each.text.partition("\n")[0] for each in before] == [
            *("up", "order A7", "a half of a line", "failed")
        ]
        assert before[1].fields == {"order": "A7"}
        (failed,) = logged("--grep", "ValueError: no")
        assert failed is not None
        assert failed.text.splitlines()[-1] == "ValueError: no"

        again = nodes.run(TREE)
        until(records, "app is up", "@node")
        assert again.stop() == 0
        # Both are the first of their node: they are told apart by the events.
        assert [each.text for each in logged("a", "--previous") if each] == ["up"]
        third = nodes.run(TREE)
        assert third.stop() == 0
        assert [each.text for each in logged("a", "--previous") if each] == ["up"]
        of_nodes = [each.text for each in logged("@node", "--previous") if each]
        assert of_nodes.count("app has stopped: in order") == 1
        assert f"app is up, pid {again.pid}" in of_nodes


ELSEWHERE = """
name: app
cwd: WORK
children:
  - {id: own, start: "server:Server", log: {file: WORK/own.log, format: json, max_size: 4KiB}}
  - {id: quiet, command: [sh, -c, "echo out; exec sleep 1000"], log: null}
"""


def test_a_file_elsewhere_is_found_when_the_node_is_down(nodes: Nodes, otpy: Run) -> None:
    (nodes.work / "server.py").write_text(SERVER)
    node = nodes.run(ELSEWHERE)
    node.says("quiet: started")
    with following("own") as records:
        for number in range(9):  # over several rotations
            node.call("own", "place", number)
            assert until(records, f"order {number}", "own").fields == {"order": number}
            until(records, "failed", "own")
        assert node.stop() == 0
    done = otpy("logs", "-n", "app", "own", "--json", "--grep", "^order")
    found = [parse_json(line.encode()) for line in done.out.splitlines()]
    assert [each.fields for each in found if each] == [{"order": number} for number in range(9)]
    done = otpy("logs", "-n", "app", "quiet")
    assert (done.status, done.out) == (0, "")
