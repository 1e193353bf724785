"""Forking a child, and what a fresh child does before anything else."""

import _signal  # type: ignore[import-not-found]
import fcntl
import gc
import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.machinery import PathFinder
from typing import Final, NoReturn

from otpy.system.descriptor import Descriptor
from otpy.system.prctl import die_with
from otpy.system.proctitle import name_process
from otpy.system.programs import cannot_execute, check_env
from otpy.system.python_end import run_finalizers
from otpy.system.search_path import search_start_directory
from otpy.system.signals import HANDLED
from otpy.system.sockets import socket_pair
from otpy.system.std_streams import complain, flush_std_streams
from otpy.system.warnings import warn_others

_STDERR: Final = 2
_LAST_FD: Final = 1 << 20

# Without the enums of the module `signal`: those are on fifty pages that every worker would
# write to, and so have for itself.
_DEFAULT: Final = int(signal.SIG_DFL)
_HANDLED: Final = tuple(int(number) for number in HANDLED)

_raised_limits: list[tuple[int, int]] = []
"""The limit of open files before it was raised; empty if it was not."""


def control_pipe() -> tuple[Descriptor, Descriptor]:
    """Create the duplex pipe between a supervisor and a child: the supervisor's end first.

    It is what `multiprocessing.Pipe(duplex=True)` makes, without the two objects: a
    `multiprocessing.connection.Connection` can be made of either end.

    Raises:
        OSError: There are too many open files; none is left open.
    """
    return socket_pair()


def become_child(title: str, keep: Iterable[int], output: Sequence[Descriptor] = ()) -> None:
    """Shed what a forked child has of its supervisor's.

    Args:
        title: Shown by ps.
        keep: Descriptors that stay open, besides the standard ones.
        output: Where stdout and stderr go; without these they stay as the supervisor's.
    """
    os.setsid()
    for number, end in enumerate(output, 1):
        os.dup2(end.fileno(), number)
    close_all_but(keep)
    for number in _HANDLED:
        _signal.signal(number, _DEFAULT)
    # A supervisor has SIGCHLD blocked.
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    name_process(title)


def become_worker(parent: int) -> None:
    """Set up a worker: it dies with its supervisor, and has limits as at the start."""
    die_with(parent)
    if _raised_limits:
        soft, _ = _raised_limits[0]
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # prlimit(2) may have lowered it
        lowered = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowered, hard))


def ignore_signals() -> None:
    """Ignore signals of others: only the node ends its supervisors and its gateway, as in OTP."""
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        signal.signal(number, signal.SIG_IGN)


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor above stderr that is not in `keep`."""
    start = _STDERR + 1
    for fd in sorted(keep):
        if fd >= start:
            os.closerange(start, fd)
            start = fd + 1
    os.closerange(start, _LAST_FD)


def prepare_for_workers() -> None:
    """Do here, once, what every worker forked from here would have to do.

    Modules are looked for in the current directory first, and the names of the files in every
    directory of the path are read now. What a worker prints leaves it line by line.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    search_start_directory()
    PathFinder.find_spec("otpy_reads_the_directories_of_the_path")


def raise_descriptor_limit() -> None:
    """Raise the limit of descriptors to the hard limit: a supervisor needs four a child."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _LAST_FD if hard == resource.RLIM_INFINITY else min(hard, _LAST_FD)
    if soft not in (wanted, resource.RLIM_INFINITY):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return  # the kernel allows fewer (fs.nr_open): those that there are have to do
        _raised_limits[:] = _raised_limits or [(soft, hard)]


def exec_command(argv: Sequence[str], passed: Mapping[int, Descriptor] | None = None) -> None:
    """Become another program.

    Args:
        argv: The program and its arguments.
        passed: What it gets beside the standard descriptors, by the numbers that it has there.

    Raises:
        CannotExecute: Why it cannot be executed.
        OSError: There are too many open files.
    """
    # Python ignores these two; a program expects the kernel's defaults.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    check_env(argv[0])
    with _at_their_numbers(passed) if passed else nullcontext():
        try:
            os.execvp(argv[0], list(argv))  # noqa: S606  # the tree says so
        except OSError as error:
            raise cannot_execute(argv[0], error) from None


@contextmanager
def _at_their_numbers(passed: Mapping[int, Descriptor]) -> Iterator[None]:
    """Have descriptors at other numbers, open for a program that is executed meanwhile.

    What is at these numbers now may be what a failure is told by, and is put back then.
    """
    above = max(passed) + 1
    moved = {number: _copy(each.fileno(), above) for number, each in passed.items()}
    kept = {number: _copy(number, above) for number in passed if _is_open(number)}
    try:
        for number, copy in moved.items():
            os.dup2(copy, number)
        yield
    finally:
        for number, copy in moved.items():
            if number in kept:
                os.dup2(kept[number], number, inheritable=False)
                os.close(kept[number])
            else:
                os.close(number)
            os.close(copy)


def _copy(fd: int, above: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above)


def _is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def leave(code: int) -> NoReturn:
    """End this process: finish with `multiprocessing`, flush, never wait for threads.

    A process of a tree ends when its supervision says so: a forgotten non-daemon thread or
    child must not hold it. What it forked is ended by its supervisor.
    """
    try:
        run_finalizers()
        flush_std_streams()
    finally:
        os._exit(code)


def fork_watched(mains: Sequence[Callable[[], int]]) -> list[tuple[int, Descriptor]]:
    """Fork a child for each of `mains`, one right after the other; return pids and pidfds.

    Each runs its main and exits with what that returns. There may be fewer than asked for, but
    not none.

    Raises:
        OSError: There are too many processes or open files, or there is no memory.
    """
    pids: list[int] = []
    fork_children(mains, pids.append)
    return watch_children(pids)


def fork_children(mains: Sequence[Callable[[], int]], forked: Callable[[int], object]) -> None:
    """Fork a child for each of `mains`; call `forked` with the pid of each.

    Raises:
        OSError: There are too many processes, or there is no memory, for the first of them; those
            after it are left out.
    """
    flush_std_streams()
    # The children need not collect what exists now: that would only unshare its pages. Frozen here,
    # it costs them no page either.
    gc.freeze()
    fork = os.fork
    count = 0
    try:
        for main in mains:
            # Here, and not in a function of its own: that would be on two pages more.
            if (pid := fork()) == 0:
                _begin(main)
            forked(pid)
            count += 1
    except OSError:
        if not count:
            raise


def watch_children(pids: Sequence[int]) -> list[tuple[int, Descriptor]]:
    """Return pids and pidfds of children; those for which there is none are ended.

    Raises:
        OSError: There are too many open files for any of them.
    """
    watched: list[tuple[int, Descriptor]] = []
    try:
        watched.extend((pid, Descriptor(os.pidfd_open(pid))) for pid in pids)
    except OSError:
        for pid in pids[len(watched) :]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        if not watched:
            raise
    return watched


def _begin(main: Callable[[], int]) -> NoReturn:
    """Run `main`, in the process just forked, and exit with what it returns.

    Not by `multiprocessing.Process`: that would also make a pipe whose end-of-file tells the end,
    which a grandchild can hold open; poll every earlier child with waitpid, which is slow with a
    thousand of them and reaps behind the supervisor's back; have the children joined at exit; and
    write to pages that the children could share.
    """
    try:
        leave(main())
    except BaseException:  # noqa: BLE001  # it ends the process: why is told
        complain(why := traceback.format_exc())
        warn_others(why.rstrip("\n"))
    finally:
        os._exit(1)
