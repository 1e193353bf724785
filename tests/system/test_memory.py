"""The memory of processes, together."""

import os
import subprocess
import sys

import pytest

from otpy.system.memory import descendants, memory_of

MIB = 1 << 20
HOLDS = f"import os, sys; kept = b'x' * {64 * MIB}; sys.stdout.write('.'); sys.stdout.flush()"


@pytest.fixture
def pair() -> "subprocess.Popen[bytes]":
    """Start a process with 64 MiB, and one that it has forked and that shares them."""
    script = f"{HOLDS}; os.fork(); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(1)
    return process


def test_what_processes_share_is_counted_once(pair: "subprocess.Popen[bytes]") -> None:
    with pair:
        while len(pids := list(descendants(pair.pid))) < 2:
            os.sched_yield()
        assert pids[0] == pair.pid
        assert 64 * MIB < memory_of(pids, 0) < 100 * MIB
        assert memory_of(pids, 1 << 40) > 128 * MIB, "not looked at closely"
        pair.kill()
    assert memory_of(pids[:1], 0) == 0
