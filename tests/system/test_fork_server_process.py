"""7.1: a fork server forks children that are its parent's, and may be killed at any moment."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import await_end

_HEAD = """
import os, resource, select, signal, sys, time
from otpy.system import fork_server
from otpy.system.descriptor import close_all, pipe
from otpy.system.fork_server import ForkServer, ServerGone
from otpy.system.prctl import become_subreaper
from otpy.system.spawn import become_child
from otpy.system.sockets import socket_pair

def child(number, ends):
    control, *output = ends
    become_child("child", [control.fileno()], output)
    os.read(control.fileno(), 1)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    held = sorted(os.listdir("/proc/self/fd"), key=int)
    os.write(1, f"{number} {os.getppid()} {limit} {held}".encode())  # in one piece
    os.read(control.fileno(), 1)
    return 7

kept = []  # until this process ends

def job(number):
    (ours, theirs), (reads, writes), errors = socket_pair(), pipe(), pipe()
    kept.append((ours, reads, errors))
    return (ours, reads), (number, (theirs, writes, errors[1]))

def jobs(count):
    ours, theirs = zip(*map(job, range(count)))
    return list(ours), list(theirs)

def order(server, count):
    ours, theirs = jobs(count)
    try:
        server.order(theirs)
    finally:
        for _, ends in theirs:
            close_all(ends)
    return ours

def fork(server, count):
    ours = order(server, count)
    kept.append(server.collect())
    return kept[-1], ours

def answer(own):
    os.write(own[0].fileno(), b".")
    return os.read(own[1].fileno(), 1000).decode().split(maxsplit=3)

def gone():
    "Wait until this process has no child."
    statuses = []
    try:
        while True:
            statuses.append(os.waitpid(-1, 0)[1])
    except ChildProcessError:
        return statuses

become_subreaper()
server = ForkServer(child, lambda: None, lambda: ())
us = str(os.getpid())
"""


def run(script: str) -> str:
    """Run a script behind the head that all have; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", _HEAD + script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_the_children_are_the_parents_own() -> None:
    run("""
forked, ours = fork(server, 3)
assert len(forked) == 3
for number, own in enumerate(ours):
    told = answer(own)
    assert told[:2] == [str(number), us], told
    # The last is the folder that is listed.
    assert len(eval(told[3])) == 5, told
for (pid, pidfd), own in zip(forked, ours):
    close_all(own)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    pidfd.close()
assert len(os.listdir(f"/proc/{server.pid}/fd")) == 4
""")


def test_an_end_of_the_server_costs_no_start() -> None:
    run("""
fork(server, 1)
os.kill(server.pid, signal.SIGKILL)
os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
for _ in range(2):
    try:
        fork(server, 1)
    except ServerGone:
        continue
    break
else:
    raise AssertionError("no child")
assert server.pid is not None
""")


def test_killed_at_any_moment_it_leaves_nothing_behind() -> None:
    """What it has forked, and nobody was told of, ends when its pipes have no other end."""
    out = run("""
gones = 0
for pause in range(0, 24):
    close_all(fork(server, 1)[1][0])
    ours = order(server, 8)
    deadline = time.perf_counter() + pause * 4e-4
    while time.perf_counter() < deadline:
        pass
    os.kill(server.pid, signal.SIGKILL)
    try:
        kept.append(server.collect())
    except ServerGone:
        gones += 1
    else:
        assert len(kept[-1]) == 8
        server.end()
    assert server.pid is None
    for own in ours:
        close_all(own)
    for status in gone():
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 7, 1, -signal.SIGKILL), code
print(gones)
""")
    assert 0 < int(out) <= 24


def test_a_stopped_server_is_not_waited_for() -> None:
    run("""
fork(server, 1)
fork_server._LOOK_S = 0.01
os.kill(server.pid, signal.SIGSTOP)
os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
order(server, 1)
try:
    server.collect()
except ServerGone:
    pass
else:
    raise AssertionError
assert server.pid is None
assert len(fork(server, 1)[0]) == 1
""")


def test_children_have_the_limits_that_the_parent_has_now() -> None:
    run("""
fork(server, 1)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (77, hard))
_, (own,) = fork(server, 1)
assert answer(own)[2] == "77"
""")


def test_a_refused_fork_is_told_and_the_server_goes_on() -> None:
    run("""
real = os.fork
def refuse():
    left = [1]
    def fork():
        if left and left.pop():
            raise BlockingIOError(11, "too many")
        return real()
    os.fork = fork
server = ForkServer(child, refuse, lambda: ())
order(server, 1)
try:
    server.collect()
except BlockingIOError as error:
    assert error.errno == 11
else:
    raise AssertionError
pid = server.pid
assert len(fork(server, 2)[0]) == 2
assert server.pid == pid
""")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_an_end_of_the_process_in_between_is_told(number: int) -> None:
    run(f"""
real = fork_server.fork_children
def fails():
    def forks(mains, forked):
        fork_server.fork_children = real  # in this process alone
        real(mains[:wanted], forked) if wanted else None
        os.kill(os.getpid(), {int(number)})
    fork_server.fork_children = forks
server = ForkServer(child, fails, lambda: ())
wanted = 0
try:
    fork(server, 2)
except ServerGone:
    pass
else:
    raise AssertionError
assert server.pid is not None
server.end()
wanted = 1
assert len(fork(server, 2)[0]) == 1
""")


def test_a_parent_that_goes_in_the_midst_is_no_fault() -> None:
    out = run("""
fork(server, 1)
kept.append(order(server, 1))
wait = select.poll()
wait.register(server._socket, select.POLLIN)
wait.poll()
print(server.pid, flush=True)
os._exit(0)  # without a look at the answer
""")
    assert await_end(int(out))


def test_it_does_not_outlive_its_parent() -> None:
    out = run(
        """
forked, ours = fork(server, 2)
os.kill(server.pid, signal.SIGSTOP)
print(server.pid, *dict(forked), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
""".replace("os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)")
    )
    for pid in map(int, out.split()):
        try:
            assert await_end(pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
