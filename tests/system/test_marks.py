"""The mark of a node: in whatever was exec'ed below it, and in whatever was only forked (6.6)."""

import json
import os
import subprocess
import sys

import pytest

from otpy.system.marks import VARIABLE, with_room

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
