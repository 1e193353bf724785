"""10.7: the lines of all children in files: each once, in order, whatever ends the logger."""

import os
import signal

import pytest

from otpy.events import ChildEnded, ChildStarted
from otpy.wire.log_files import log_file_name, read_index, rotated
from otpy.wire.log_record import LogRecord, parse_json, records
from tests.support.node import Nodes, NodeUnderTest

_COUNT = "i=0; while [ $i -lt 3000 ]; do echo $((i=i+1)); done; sleep 99999"


def logged(node: NodeUnderTest, path: str) -> list[LogRecord]:
    """Return the records in the files of a process; every line of these is one."""
    lines: list[bytes] = []
    for file in rotated(node.folder / "log" / log_file_name(path)):
        data = file.read_bytes()
        lines += data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]
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
