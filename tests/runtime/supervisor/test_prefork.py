"""Processes that are forked ahead, and given back if nobody needs them."""

import subprocess
import sys
from pathlib import Path

_UNNEEDED = """
import os, signal
from otpy.runtime.counters import CounterPage
from otpy.runtime.supervisor.prefork import PreforkPool
from otpy.system.fork_server import ForkServer
from otpy.wire.control import Assignment

main = lambda slot, ends, assignment=None: signal.pause() or 0
child = Assignment('child', 1)
pool = PreforkPool(main, CounterPage(), ForkServer(main, lambda: None, lambda: ()))
first = pool.take(child, 0, lambda: 3)
assert len(pool.pids) == 3
others = [os.eventfd(0) for _ in range(20)]  # whatever has the numbers by then
pool.end_all()
assert not pool.pids
for fd in others:
    os.fstat(fd)
first.end()
for fd in others:
    os.fstat(fd)
    os.close(fd)
print(os.listdir("/proc/self/fd"))
"""


def test_what_is_given_back_closes_nothing_of_anybody_else() -> None:
    """6.2: the child's ends were closed at the fork already, and their numbers were others'."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", _UNNEEDED]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['0', '1', '2', '3']\n"  # the last is the folder that is listed


_STOPPED = """
import os, signal
from otpy.runtime.counters import CounterPage
from otpy.runtime.supervisor.prefork import PreforkPool
from otpy.system.fork_server import ForkServer
from otpy.wire.control import Assignment

main = lambda slot, ends, assignment=None: signal.pause() or 0
child = Assignment('child', 1)
pool = PreforkPool(main, CounterPage(), ForkServer(main, lambda: None, lambda: ()))
first = pool.take(child, 0, lambda: 1)
(waits,) = pool.pids
os.kill(waits, signal.SIGSTOP)
os.waitid(os.P_PID, waits, os.WSTOPPED | os.WNOWAIT)
second = pool.take(child, 1, lambda: 0)
print(second.pid != waits, os.path.exists(f"/proc/{waits}"))
second.end()
first.end()
"""


def test_one_that_was_stopped_is_no_worker() -> None:
    """7.1: forked ahead at rest, too, it may have been stopped, and would never start."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", _STOPPED]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True False\n"
