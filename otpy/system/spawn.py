"""Starting a child by `multiprocessing`, and what a fresh child does before anything else."""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import PathFinder
from multiprocessing import Pipe, context, popen_fork, util
from pathlib import Path
from typing import Any, Final

import setproctitle

from otpy.system.prctl import die_with

_STDERR: Final = 2
_LAST_FD: Final = 1 << 20

_original_limit = resource.getrlimit(resource.RLIMIT_NOFILE)


class _Popen(popen_fork.Popen):
    """Forks, and makes no sentinel pipe: a grandchild can hold one open; a pidfd it cannot."""

    def _launch(self, process_obj: Any) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                code = process_obj._bootstrap()  # noqa: SLF001  # as popen_fork does
            finally:
                os._exit(code)


class ChildProcess(context.ForkProcess):
    """A `multiprocessing` process whose end its supervisor watches by pidfd alone."""

    def start(self) -> int:  # type: ignore[override]
        """Fork, and tell the pid.

        `BaseProcess.start` would also poll every earlier child with waitpid, which is slow with
        a thousand of them and reaps behind the supervisor's back; and it would have
        `multiprocessing` join the children at exit.

        Raises:
            OSError: There are too many processes, or there is no memory.
        """
        popen = _Popen(self)
        self._popen = popen
        return popen.pid


def control_pipe() -> tuple[int, int]:
    """Make the duplex pipe between a supervisor and a child: the supervisor's end first."""
    ours, theirs = Pipe(duplex=True)
    fds = os.dup(ours.fileno()), os.dup(theirs.fileno())
    ours.close()
    theirs.close()
    return fds


def become_child(title: str, keep: Iterable[int], output: int | None) -> None:
    """Shed what a forked child has of its supervisor's.

    Args:
        title: Shown by ps.
        keep: Descriptors that stay open, besides the standard ones.
        output: Where stdout and stderr go; None leaves them as the supervisor's.
    """
    os.setsid()
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
    close_all_but(keep)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    setproctitle.setproctitle(title)


def become_worker(parent: int) -> None:
    """What a worker does besides: it dies with its supervisor, and has limits as at the start."""
    die_with(parent)
    resource.setrlimit(resource.RLIMIT_NOFILE, _original_limit)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor above stderr that is not in `keep`."""
    start = _STDERR + 1
    for fd in sorted({fd for fd in keep if fd > _STDERR}):
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, _LAST_FD)


def find_modules_here() -> None:
    """Look for modules in the current directory first, as ``python -m`` does.

    The names of the files in every directory of the path are read now, once, so that the
    workers forked from here find theirs without reading them again.
    """
    sys.path.insert(0, str(Path.cwd()))
    PathFinder.find_spec("otpy_reads_the_directories_of_the_path")


def raise_descriptor_limit() -> None:
    """Take all the descriptors that the hard limit allows: a supervisor needs three a child."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _LAST_FD if hard == resource.RLIM_INFINITY else min(hard, _LAST_FD)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def exec_command(argv: Sequence[str], keep: Iterable[int]) -> None:
    """Become another program; the descriptors in `keep` stay open in it.

    Raises:
        OSError: It cannot be executed.
    """
    for fd in keep:
        os.set_inheritable(fd, True)
    # Python ignores these two; a program expects the kernel's defaults.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execvp(argv[0], list(argv))  # noqa: S606  # the tree says so


def leave(code: int) -> None:
    """End this process: flush, run `multiprocessing` finalizers, never wait for threads.

    A process of a tree ends when its supervision says so: a forgotten non-daemon thread or
    child must not hold it. What it forked is ended by its supervisor.
    """
    try:
        util._run_finalizers()  # type: ignore[attr-defined]  # noqa: SLF001
        util._flush_std_streams()  # type: ignore[attr-defined]  # noqa: SLF001
    finally:
        os._exit(code)


def fork_watched(main: Callable[[], int], name: str) -> tuple[int, int]:
    """Fork a child that runs `main` and exits with what it returns; tell its pid and pidfd.

    Raises:
        OSError: There are too many processes or open files, or there is no memory.
    """
    pid = ChildProcess(target=lambda: leave(main()), name=name).start()
    try:
        return pid, os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
