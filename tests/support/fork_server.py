"""A process that has imported the node's code, and forks nodes under test from it.

Starting Python and importing otpy is half of the work of a small node. What is forked here goes on
as ``python -P -m otpy.runtime FD`` does, with the same modules, arguments, environment, descriptors
and parent, and ends as an interpreter ends. A user's own way, ``otpy run``, has tests of its own.
"""

import gc
import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from otpy.runtime.node.command import TITLE_BYTES, node_command
from otpy.system.marks import with_room

_OURS: Final = ("tests.support.fork_server", "tests.support", "tests")
_LARGEST_REQUEST: Final = 1 << 17
_STREAMS: Final = 3
_LIMITS: Final = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


class Forked:
    """As much of `subprocess.Popen` as the tests need, for a child that another process forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        status = self._reap(0)
        assert status is not None
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class ForkServer:
    """The end of it that starts it and asks it.

    Args:
        cwd: The directory of nodes for which no other is given.
    """

    def __init__(self, cwd: str) -> None:
        # Not above: the nodes would have it imported, and `threading` by it.
        import subprocess

        self._fixed = _fixed_at_the_start(os.environ)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _LARGEST_REQUEST)
        script = f"from {_OURS[0]} import serve; serve({theirs.fileno()})"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", script, " " * TITLE_BYTES],
                env=with_room(os.environ),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def can_start(self, environment: Mapping[str, str]) -> bool:
        """Return whether a node of it would be as one that is executed from here now."""
        return _fixed_at_the_start(environment) == self._fixed

    def start(
        self,
        environment: Mapping[str, str],
        tree: int,
        stdout: int,
        stderr: int,
        cwd: Path | None = None,
    ) -> Forked:
        """Start a node; this process has to be a subreaper, since it adopts the node.

        Args:
            environment: All of it.
            tree: The descriptor of its tree, of the same number there.
            stdout: The descriptor of its standard output.
            stderr: The descriptor of its standard error.
            cwd: Its directory.
        """
        request = pickle.dumps((dict(environment), tree, cwd and str(cwd)))
        socket.send_fds(self._socket, [request], [tree, stdout, stderr])
        answer = self._socket.recv(64)
        assert answer, f"the fork server has ended with status {self.process.wait()}"
        return Forked(int(answer))


def _fixed_at_the_start(environment: Mapping[str, str]) -> tuple[object, object]:
    """Return what an interpreter reads only when it starts, and what it inherits."""
    python = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
    limits = [resource.getrlimit(getattr(resource, name)) for name in _LIMITS]
    return python, limits


def serve(fd: int) -> None:
    """Fork nodes until the other end is closed. In each of them it returns by SystemExit."""
    from otpy.links import deadline

    # Before the rest is imported: as `tests.support.checked`, for the workers that call others.
    deadline.DEFAULT_TIMEOUT_S = float(os.environ.get("OTPY_TEST_DEADLINE_S", "60"))  # type: ignore[misc]
    from otpy.runtime.node import launch  # noqa: F401 - what `python -m otpy.runtime` imports
    from otpy.runtime.node.warm_up import warm_up
    from otpy.system.proctitle import name_process

    # The room for a title is found as long as the environment lies beside the arguments.
    name_process("otpy's tests: fork server")
    warm_up()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the tests
    with socket.socket(fileno=fd) as asker:
        while True:
            request, fds, _, _ = socket.recv_fds(asker, _LARGEST_REQUEST, _STREAMS)
            if not request:
                return
            pid = _fork_twice()
            if not pid:
                break
            for each in fds:
                os.close(each)
            asker.send(str(pid).encode())
        environment, tree, cwd = pickle.loads(request)
    if cwd is not None:
        os.chdir(cwd)
    _run_node(environment, tree, fds)


def _fork_twice() -> int:
    """Return the pid of the grandchild, which has been adopted by then; in it, return 0."""
    read, write = os.pipe()
    middle = os.fork()
    if not middle:
        if grandchild := os.fork():
            os.write(write, str(grandchild).encode())
            os._exit(0)
        return 0
    os.waitpid(middle, 0)
    pid = int(os.read(read, 64))
    os.close(read)
    os.close(write)
    return pid


def _run_node(environment: Mapping[str, str], tree: int, fds: list[int]) -> None:
    import runpy

    wanted = {tree: fds[0], 0: os.open(os.devnull, os.O_RDONLY), 1: fds[1], 2: fds[2]}
    _keep_only(wanted)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = node_command(tree)
    sys.argv = command[2:3] + command[4:]
    sys.orig_argv = command
    for name in _OURS:
        del sys.modules[name]
    # Not `run_module`: it would leave another module as `__main__` when it is done.
    runpy._run_module_as_main("otpy.runtime")  # type: ignore[attr-defined]


def _keep_only(wanted: Mapping[int, int]) -> None:
    """Close every descriptor but those of `wanted`, which get the numbers that are its keys."""
    import fcntl

    above = max(wanted) + 1
    moved = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, above) for number, fd in wanted.items()}
    for number, fd in moved.items():
        os.dup2(fd, number)
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208  # pathlib is not imported
        if int(entry) not in wanted:
            try:
                os.close(int(entry))
            except OSError:
                continue  # that of the listing itself
