"""A process that begins while the system has no descriptors waits for them (1.3)."""

import resource
import subprocess
import sys

SCRIPT = """
import os, resource, sys
from otpy.system.descriptor import Descriptor
from otpy.system.shortage import wait_for_descriptors

parent = Descriptor(os.dup(0))
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (parent.fileno() + 2, hard))
print(wait_for_descriptors(4, parent), flush=True)
"""


def begin() -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "Too many open files; trying again" in process.stderr.readline()
    return process


def test_it_goes_on_when_there_are_some_again() -> None:
    with begin() as process:
        assert process.stdout is not None
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        assert process.stdout.readline() == "True\n"


def test_it_gives_up_when_its_parent_says_so() -> None:
    with begin() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        assert process.stdout.readline() == "False\n"
