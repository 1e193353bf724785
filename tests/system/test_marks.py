"""The mark of a node: in whatever was exec'ed below it, and in whatever was only forked (6.6)."""

import json
import os
import subprocess
import sys
from typing import IO, cast

import pytest

from otpy.system import marks
from otpy.system.marks import VARIABLE, with_room
from otpy.system.procfs import command_line

SCRIPT = """
import json, os, subprocess, sys
from otpy.system.marks import mark_node, mark_process, marks_of
from otpy.system.proctitle import name_process, prepare_titles

prepare_titles()
if sys.argv[1] == "replaced":
    os.environ.clear()  # and with it what getenv(3) finds
mark_node("node:x")
name_process("a title " * 100)
mark_process(os.getpid(), 7)

def forked(do=lambda: None):
    reader, writer = os.pipe()
    if child := os.fork():
        os.close(writer)
        with os.fdopen(reader) as told:
            words = json.loads(told.read())
        os.waitpid(child, 0)
        return words
    do()
    os.write(writer, json.dumps(marks_of(os.getpid())).encode())
    os._exit(0)

def executed(env=None):
    code = "import os, sys; print(os.environ['OTPY_MARK'])"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout.split()

def set_title():
    import setproctitle
    setproctitle.setproctitle("mine " * 1000)

print(json.dumps({
    "pid": os.getpid(),
    "own": marks_of(os.getpid()),
    "forked": forked(),
    "forked, without variables": forked(os.environ.clear),
    "forked, with another title": forked(set_title),
    "executed": executed(),
    "executed with the variables": executed({**os.environ}),
}))
"""


@pytest.mark.parametrize("around", ["", "process:5.1 node:outer"])
@pytest.mark.parametrize("how", ["kept", "replaced"])
def test_everything_below_carries_the_mark(how: str, around: str) -> None:
    environment = with_room({**os.environ, VARIABLE: around})
    command = [sys.executable, "-c", SCRIPT, how, " " * 200]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(result.stdout)
    words = [f"process:{found.pop('pid')}.7", "node:x"]
    if how == "kept":
        words += around.split()
    assert found == dict.fromkeys(found, words)


def test_a_node_that_was_not_given_room_marks_what_it_executes() -> None:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", SCRIPT, "kept"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(result.stdout)
    words = [f"process:{found['pid']}.7", "node:x"]
    assert found["executed"] == found["executed with the variables"] == words
    assert found["own"] == []


def test_a_process_that_executes_a_program_while_it_is_read_has_its_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was opened before an execve(2) is empty after it: that memory is gone."""
    command = ["sh", "-c", "read line; exec sleep 99999"]
    environment = {**os.environ, VARIABLE: "node:x"}
    opened: list[str] = []

    def open_early(path: str, mode: str) -> IO[bytes]:
        file = open(path, mode, buffering=0)  # noqa: PTH123, SIM115  # its caller closes it
        opened.append(path)
        if len(opened) == 1:
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
            while command_line(process.pid) != b"sleep\x0099999\x00":
                pass
        return cast(IO[bytes], file)

    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
        try:
            while command_line(process.pid) != b"\0".join(map(os.fsencode, command)) + b"\0":
                pass
            monkeypatch.setattr(marks, "open", open_early, raising=False)
            assert marks.marks_of(process.pid) == ("node:x",)
        finally:
            process.kill()
    assert len(opened) == 2
