"""What a node prints: whole lines, whoever reads them and however, and nothing that is obeyed."""

import os
import re
import resource
import signal
import socket
from pathlib import Path

import psutil

from otpy.runtime.stdio.writer import Stream, write_message
from otpy.system.descriptor import Descriptor
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end

THREE = """
name: app
children:
""" + "".join(
    f"""
  - id: p{n}
    children:
      - {{id: w, command: [sh, -c, "while :; do printf '%0{width}d\\n' {n}; done"]}}
"""
    for n, width in enumerate((300, 3000, 9000))
)

ONE = """
name: app
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
"""


def writer_of(node: NodeUnderTest) -> psutil.Process:
    (found,) = (
        child
        for child in psutil.Process(node.pid).children()
        if child.cmdline()[0].startswith("otpy: stdio")
    )
    return found


def test_lines_of_three_supervisors_are_whole(nodes: Nodes) -> None:
    read, write = os.pipe()
    node = nodes.otpy_run(nodes.write(THREE), "app", stdout=write)
    os.close(write)
    text, seen = b"", set[bytes]()
    while len(text) < 3_000_000 or len(seen) < 3:
        data = os.read(read, 1 << 12)
        seen.update(re.findall(rb"p\d/w \|", data))  # not the event of its start
        text += data
    node.send(signal.SIGTERM)
    while data := os.read(read, 1 << 16):
        text += data
    os.close(read)
    assert node.wait() == 0
    shape = re.compile(rb"[\d:.]+ p\d/w \| (0{299}0|0{2999}1|0{8999}2)|otpy: .*|[\d:.]+ otpy \| .*")
    wrong = [line for line in text.splitlines() if not shape.fullmatch(line)]
    assert not wrong
    assert {b"p0/w", b"p1/w", b"p2/w"} <= {line.split()[1] for line in text.splitlines()}


def test_a_program_controls_no_terminal_and_forges_no_line(nodes: Nodes) -> None:
    node = nodes.run(r"""
        name: app
        children:
          - id: a
            command: [sh, -c, "printf 'x\\rotpy | forged\\n\\033[2J\\033[32mgreen\\n'; sleep 99999"]
        """)
    assert node.says(r"^a . \\x1b.*$")[0] == "a | \\x1b[2J\x1b[32mgreen\x1b[0m"
    assert node.says(r"^a . x.*$")[0] == r"a | x\rotpy | forged"


def test_a_reason_forges_no_line(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - {id: a, start: "tests.support.workers:Remote", args: [WORK/log], restart: temporary}
        """)
    node.client["a"].cast("crash_later", "bad\x1b[2J\x9b1m\n14:00:00.000 otpy | root: forged")
    line = node.says("^.* a: ended: .*$")[0]
    assert line.endswith(r"bad\x1b[2J\x9b1m\n14:00:00.000 otpy | root: forged")


def test_the_process_that_writes_is_replaced_and_no_line_is_lost(nodes: Nodes) -> None:
    node = nodes.run(ONE)
    first = writer_of(node).pid
    os.kill(first, signal.SIGKILL)
    node.call("a", "say", "after\n")
    node.says("^a . after$")
    assert writer_of(node).pid != first
    assert node.stop() == 0
    assert "app has stopped: in order" in node.output


def test_signals_to_all_processes_do_not_end_the_process_that_writes(nodes: Nodes) -> None:
    node = nodes.run(ONE)
    writer = writer_of(node).pid
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(writer, number)
    assert node.stop() == 0
    assert "app has stopped: in order" in node.output


def test_what_supervisors_say_after_the_node_was_killed_is_written(nodes: Nodes) -> None:
    node = nodes.run("""
        name: app
        children:
          - id: a
            command: [sh, -c, "trap 'echo last words; exit' TERM; echo up; sleep 99999 & wait"]
        """)
    node.says("^a . up")
    writer, root = writer_of(node).pid, node.pids()[""]
    node.kill("@node")
    node.until(lambda: "a | last words" in node.output, "its last words", outlives=True)
    assert await_end(writer)
    assert await_end(root)  # it closes its sockets a moment before
    node.wait()


def test_a_full_disk_costs_lines_and_no_more(tmp_path: Path) -> None:
    with socket.socket() as unused:
        stream = Stream(1, Descriptor(os.open("/dev/full", os.O_WRONLY)), unused)
        write_message(stream, b"one\ntwo\n")
        write_message(stream, b"three\n")
        with (tmp_path / "log").open("wb") as room:
            os.dup2(room.fileno(), stream.real.fileno())
        write_message(stream, b"four\n")
        write_message(stream, b"five\n")
        stream.real.close()
    told = "otpy: 3 lines dropped: they could not be written\n"
    assert (tmp_path / "log").read_text() == f"{told}four\nfive\n"


def test_a_line_that_a_full_disk_cut_is_not_joined_to_the_next(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    real = Descriptor(os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT))
    with socket.socket() as unused, real:
        stream = Stream(1, real, unused)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            write_message(stream, b"one\ntwo\nthree\n")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        write_message(stream, b"four\n")
    told = "otpy: 1 lines dropped: they could not be written\n"
    assert (tmp_path / "log").read_text() == f"one\ntwo\nth\n{told}four\n"
