"""10.7: the lines of all children in files: each once, in order, whatever ends the logger."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.events import ChildEnded, ChildStarted
from otpy.wire.log_files import log_file_name, read_index, rotated
from otpy.wire.log_record import LogRecord, parse_json, records
from tests.support.node import Nodes, NodeUnderTest

_COUNT = "i=0; while [ $i -lt 3000 ]; do echo $((i=i+1)); done; sleep 99999"


def logged(node: NodeUnderTest, path: str) -> list[LogRecord]:
    """Return the records in the files of a process; every line of these is one."""
    lines: list[bytes] = []
    try:
        for file in rotated(node.folder / "log" / log_file_name(path)):
            data = file.read_bytes()
            lines += data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]
    except FileNotFoundError:  # it was renamed in this moment
        return logged(node, path)
    found = list(records(lines))
    assert all(isinstance(each, LogRecord) for each in found), found
    return [each for each in found if isinstance(each, LogRecord)]


def texts(node: NodeUnderTest, path: str, stream: str = "out") -> list[str]:
    return [record.text for record in logged(node, path) if record.stream == stream]


def until_logged(node: NodeUnderTest, path: str, text: str, stream: str = "out") -> None:
    node.changes.add(node.folder / "log")
    node.until(lambda: text in texts(node, path, stream), f"{text!r} in the log of {path}")


def test_every_line_has_time_path_incarnation_and_stream(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - id: "strange%|é"
            command:
              [sh, -c, "echo to stdout; echo to stderr >&2; printf 'ha\\\\377lf'; sleep 99999"]
          - id: below
            children:
              - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    node.call("below/a", "say", "first\n")
    until_logged(node, "below/a", "first")
    node.recover("below/a")
    node.call("below/a", "say", "second\n", "stderr")
    until_logged(node, "below/a", "second", "err")
    assert node.stop() == 0
    path = "strange%|é"
    found = [(r.path, r.incarnation, r.stream, r.text) for r in logged(node, path)]
    assert sorted(found) == [
        (path, 1, "err", "to stderr"),
        (path, 1, "out", "ha\\xfflf"),
        (path, 1, "out", "to stdout"),
    ]
    below = [(r.incarnation, r.stream, r.text) for r in logged(node, "below/a")]
    assert below == [(1, "out", "first"), (2, "err", "second")]
    said = texts(node, "@node", "log")
    assert said[-1] == "app has stopped: in order"
    assert any(text.startswith("below/a: ended: killed") for text in said)
    for file in (node.folder / "log").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    assert (node.folder / "log").stat().st_mode & 0o777 == 0o700


def test_the_next_run_goes_on_with_the_files(nodes: Nodes) -> None:
    tree = "name: app\nchildren:\n  - {id: a, command: [sh, -c, 'echo up; exec sleep 99999']}\n"
    for number in (1, 2):
        node = nodes.run(tree)
        node.says("^a . up$")
        if number == 1:
            node.kill("@node")
            node.wait()
        else:
            assert node.stop() == 0
        assert texts(node, "a") == ["up"] * number


def test_a_logger_that_is_killed_loses_no_line_and_doubles_none(nodes: Nodes) -> None:
    node = nodes.run(f"""
        name: app
        children:
          - {{id: a, command: [sh, -c, "{_COUNT}"]}}
          - {{id: b, command: [sh, -c, "{_COUNT}"]}}
          - id: below
            children:
              - {{id: c, command: [sh, -c, "{_COUNT}"]}}
        """)
    numbers = [str(number) for number in range(1, 3001)]
    paths = ("a", "b", "below/c")
    kills = 0
    while kills < 5 or not all(texts(node, path) == numbers for path in paths):
        for path in paths:
            found = texts(node, path)
            assert found == numbers[: len(found)]
        if kills < 30:
            node.recover("@logger")
            kills += 1
        else:
            until_logged(node, paths[kills % 3], "3000")
            kills += 1
    assert node.stop() == 0
    for path in paths:
        assert texts(node, path) == numbers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_all_processes_does_not_end_the_logger(nodes: Nodes, number: int) -> None:
    node = nodes.run("""
        name: app
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    os.kill(node.pids()["@logger"], number)
    node.call("a", "say", "after\n")
    until_logged(node, "a", "after")
    assert not node.seen(ChildEnded)
    assert len(node.seen(ChildStarted, path="@logger")) == 1


def test_what_is_said_after_the_node_was_killed_is_logged(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - id: a
            command: [sh, -c, "trap 'echo last words; exit' TERM; echo up; sleep 99999 & wait"]
        """)
    node.says("^a . up")
    node.kill("@node")
    node.wait()
    nodes.gone()
    assert texts(node, "a") == ["up", "last words"]


def test_the_last_words_of_all_are_logged_though_the_logger_is_killed(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - {id: a, command: [sh, -c, "trap 'echo bye; exit' TERM; echo up; sleep 99999 & wait"]}
        """)
    node.says("^a . up")
    os.kill(node.pids()["@logger"], signal.SIGSTOP)
    assert node.stop() == 0
    assert texts(node, "a") == ["up", "bye"]
    assert texts(node, "@node", "log")[-1] == "app has stopped: in order"


_FAULTY = """
import sys
from otpy.runtime.node.launch import main
from otpy.runtime.node.node import NodeProcess
from otpy.runtime.supervisor.tree_supervisor import TreeSupervisor

def on_booted(self):
    raise ValueError("a fault of otpy's")

{}.on_booted = on_booted
sys.exit(main(int(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("kind", "path"), [("NodeProcess", "@node"), ("TreeSupervisor", "")], ids=["node", "root"]
)
def test_a_traceback_of_a_process_of_ours_is_logged(nodes: Nodes, kind: str, path: str) -> None:
    tree = "name: app\nchildren:\n- {id: a, command: [sleep, '99999']}\n"
    with nodes.command(tree) as (name, _, fd):
        command = [sys.executable, "-c", _FAULTY.format(kind), str(fd)]
        node = nodes.start_by(name, command, pass_fds=(fd,))
    assert node.wait() == 1
    nodes.gone()
    (found,) = [text for text in texts(node, path, "log") if "Traceback" in text]
    assert found.endswith("ValueError: a fault of otpy's")
    assert "ValueError: a fault of otpy's" in node.errors


# ---- too much ----------------------------------------------------------------------------------


def test_a_flood_slows_nobody_else(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - {id: flood, command: ["yes", "a line that is written again and again, for ever"]}
          - {id: quiet, start: "tests.support.workers:Remote", args: [WORK/log]}
          - id: other
            children:
              - {id: quiet, start: "tests.support.workers:Remote", args: [WORK/log]}
        """)
    first = node.folder / "log" / "flood.log.1"
    node.changes.add(first.parent)
    node.until(first.exists, "a rotation")
    for path in ("quiet", "other/quiet"):
        node.call(path, "say", "still here\n")
        until_logged(node, path, "still here")
    node.recover("@logger")
    node.until(first.with_suffix(".2").exists, "another rotation")
    assert node.stop() == 0
    assert first.stat().st_size <= 10 << 20
    with first.open("rb") as file:
        lines = file.read(1 << 16).splitlines()[:-1]
    assert {line.partition(b" | ")[2] for line in lines} == {
        b"a line that is written again and again, for ever"
    }


def test_no_line_of_a_flood_is_lost_while_loggers_are_killed_and_files_rotated(
    nodes: Nodes,
) -> None:
    node = nodes.run("""
        name: app
        log: {max_size: 128KiB, keep: 1000}
        children:
          - {id: a, command: [seq, "60000"], restart: temporary}
          - {id: b, command: [seq, "60000"], restart: temporary}
        """)
    for _ in range(8):
        node.recover("@logger")
    for path in ("a", "b"):
        until_logged(node, path, "60000")
    for path in ("a", "b"):
        assert texts(node, path) == [str(number) for number in range(1, 60001)]
        assert len(rotated(node.folder / "log" / f"{path}.log")) > 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, of which all but a few are taken by a file ``filler``."""
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    (tmp_path / "filler").write_bytes(bytes(240 << 10))
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_full_disk_is_said_once_and_survived(nodes: Nodes, small_disk: Path) -> None:
    node = nodes.run(f"""
        name: app
        children:
          - id: a
            start: "tests.support.workers:Remote"
            args: [WORK/log]
            log: {{file: {small_disk}/a.log}}
          - {{id: b, start: "tests.support.workers:Remote", args: [WORK/log]}}
        """)
    lines = [f"{number} {'x' * 90}" for number in range(300)]
    for at in range(0, 300, 10):
        node.call("a", "say", "".join(f"{line}\n" for line in lines[at : at + 10]))
    node.complains(
        r"^otpy: log: cannot write \S+/a.log: No space left on device; \d+ lines dropped"
    )
    node.says(r"^a \| 299 ")  # and so it is on its way to the logger, before what follows
    node.call("b", "say", "elsewhere there is room\n")
    until_logged(node, "b", "elsewhere there is room")
    (small_disk / "filler").unlink()
    node.call("a", "say", "room again\n")
    node.changes.add(small_disk)
    file = small_disk / "a.log"
    node.until(lambda: b"room again" in file.read_bytes(), "the line after that")
    found = [r.text for r in records(file.read_bytes().splitlines()) if isinstance(r, LogRecord)]
    assert found[-1] == "room again"
    kept = [text for text in found if text in lines]
    dropped = [int(text.split()[0]) for text in found if "lines dropped" in text]
    assert 50 < len(kept) == 300 - sum(dropped)
    assert kept == sorted(kept, key=lambda text: int(text.split()[0]))
    assert found[:50] == lines[:50]
    assert node.errors.count("No space left") == 1
    assert node.stop() == 0


def test_a_limit_of_files_is_as_a_full_disk(nodes: Nodes) -> None:
    path = nodes.write("""
        name: app
        children:
          - {id: a, command: [sh, -c, "seq 20000; exec sleep 99999"]}
        """)
    run = f"ulimit -f 100; exec {sys.executable} -m otpy run {path}"
    node = nodes.start_by("app", ["sh", "-c", run]).up()
    node.complains(r"^otpy: log: cannot write .*/a.log: File too large; \d+ lines dropped so far")
    assert not node.seen(ChildEnded, path="@logger")
    assert node.stop() == 0


# ---- the key `log` -----------------------------------------------------------------------------


def test_where_the_output_of_each_child_goes(nodes: Nodes) -> None:
    """A file of one's own in JSON, all below a supervisor in one, nowhere, and the node's own."""
    node = nodes.otpy_run(
        nodes.write("""
        name: app
        children:
          - id: json
            command: [sh, -c, "echo one; echo two >&2; exec sleep 99999"]
            log: {file: json.log, format: json}
          - {id: quiet, command: [sh, -c, "echo not logged; exec sleep 99999"], log: null}
          - id: own
            command: [sh, -c, "echo by itself; echo by itself >&2; exec sleep 99999"]
            log: inherit
          - {id: pyown, start: "tests.support.workers:Remote", args: [WORK/log], log: inherit}
          - id: below
            log: {file: both.log, max_size: 4KiB, keep: 1}
            children:
              - {id: a, command: [sh, -c, "echo from a; exec sleep 99999"]}
              - {id: b, start: "tests.support.workers:Remote", args: [WORK/log]}
        """),
        "app",
    ).up()
    node.call("below/b", "say", "x" * 5000 + "\n")
    node.call("pyown", "say", "by a server\n")
    node.says("^by a server$")
    node.says("^by itself$")
    node.complains("^by itself$")
    both = nodes.work / "both.log"
    node.until(lambda: both.with_suffix(".log.1").exists(), "a rotation")
    node.kill("quiet")
    assert node.next(ChildEnded, path="quiet").output == "not logged\n"
    assert node.stop() == 0
    assert "not logged" not in node.output
    found = [parse_json(line) for line in (nodes.work / "json.log").read_bytes().splitlines()]
    assert sorted((r.path, r.incarnation, r.stream, r.text) for r in found if r) == [
        ("json", 1, "err", "two"),
        ("json", 1, "out", "one"),
    ]
    data = b"".join(file.read_bytes() for file in rotated(both))
    texts_of = {r.path: r.text for r in records(data.splitlines()) if isinstance(r, LogRecord)}
    assert texts_of == {"below/a": "from a", "below/b": "x" * 5000}
    index = {each.path: each.file for each in read_index(node.folder / "log")}
    assert index["json"] == str(nodes.work / "json.log")
    assert index["below/a"] == index["below/b"] == str(both)
    names = {file.name for file in (node.folder / "log").iterdir()}
    assert names == {"@node.log", "index.jsonl"}


def test_a_file_that_cannot_be_is_refused_before_anything_starts(nodes: Nodes) -> None:
    tree = "name: app\nchildren:\n- {id: a, command: [sleep, '9'], log: {file: nowhere/a.log}}\n"
    node = nodes.otpy_run(nodes.write(tree), "app")
    node.complains("expected a file in a directory that exists")
    assert node.wait() == 2
    assert not (node.folder / "log").exists()


def test_the_records_of_logging_are_in_the_file_with_level_and_fields(nodes: Nodes) -> None:
    node = nodes.run(r"""
        name: app
        log: {format: json}
        children:
          - id: a
            command:
              - sh
              - -c
              - |
                echo before >&2
                printf '\036{"level":"ERROR","logger":"shop","text":"a\\nb","fields":{"n":7}}\n' >&2
                exec sleep 99999
        """)
    until_logged(node, "a", "a\nb", "log")
    (found,) = [each for each in logged(node, "a") if each.stream == "log"]
    assert (found.level, found.logger, found.fields) == ("ERROR", "shop", {"n": 7})
    node.says("^a . ERROR shop: a$")
