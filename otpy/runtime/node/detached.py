"""Start a node without a terminal, and wait until its tree is up: `otpy run --detach`.

The node, or its guardian, is the leader of a session of its own. Until the tree is up it belongs to
the command that waits: it stops when that ends. What it prints before it has its log is kept, for
the command to show.
"""

import contextlib
import fcntl
import os
import pickle
import select
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Final, NamedTuple

from otpy.errors import CallTimeout, OtpyError, StartFailed
from otpy.runtime.node.command import NodeTree, file_of, node_command
from otpy.runtime.node.heart import heart_command
from otpy.runtime.node.orphans import end_orphans
from otpy.system.descriptor import Descriptor
from otpy.system.marks import with_room
from otpy.system.nodedir import NodeDir
from otpy.system.signals import StoppedEarly, raising_when_stopped
from otpy.system.wait import send_signal, signal_name

if TYPE_CHECKING:
    from otpy.config import TreeConfig

_REPORT_BYTES: Final = 1 << 17
_MOST_PRINTED: Final = 1 << 16
_SIGNALLED: Final = 128
"""A shell ends with this and the number of the signal that ended what it waited for."""


class UpNode(NamedTuple):
    """A node that is up.

    Attributes:
        pid: Its own.
        guardian: Pid of its guardian; None if it has none.
        printed: What it had to say before it had its log.
    """

    pid: int
    guardian: int | None
    printed: str


class DetachedStart:
    """A node that starts in a session of its own.

    Args:
        config: Its tree.
        heart: Whether it has a guardian.
    """

    def __init__(self, config: "TreeConfig", *, heart: bool) -> None:
        self._name, self._has_guardian = config.name, heart
        self._report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._printed = Descriptor(os.memfd_create("otpy-printed"))
        _take_over_watchdog()
        with theirs:
            if heart:
                command = heart_command(config, theirs.fileno())
                self._start(command, theirs.fileno())
            else:
                tree = NodeTree(
                    config.name,
                    config.path,
                    config.spec,
                    starter=theirs.fileno(),
                    detached=True,
                )
                with file_of(tree) as given:
                    fd = given.fileno()
                    self._start(node_command(fd), fd, theirs.fileno())

    def _start(self, command: list[str], *passed: int) -> None:
        # The command is our own, and no thread runs that could hold a lock at the fork.
        self._process = subprocess.Popen(  # noqa: S603
            command,
            env=os.environ if self._has_guardian else with_room(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=self._printed.fileno(),
            stderr=self._printed.fileno(),
            pass_fds=passed,
            start_new_session=True,
            preexec_fn=_mind_hangups,  # noqa: PLW1509
        )
        self._pidfd = Descriptor(os.pidfd_open(self._process.pid))

    def wait(self, timeout: float | None) -> UpNode:
        """Wait until the tree is up.

        Args:
            timeout: Seconds; None for as long as it takes.

        Raises:
            StartFailed: It does not start; nothing of it is left.
            NodeAlreadyRunning: A node has its name.
            RuntimeDirError: The directory of the nodes cannot be used.
            CallTimeout: It was not up by then; it was stopped.
            KeyboardInterrupt: Ctrl-C came; it was stopped.
            StoppedEarly: Another signal that stops came; likewise.
        """
        try:
            with raising_when_stopped():
                is_told = self._wait_for_report(timeout)
                outcome = self._outcome()
        except (KeyboardInterrupt, StoppedEarly):
            self._stop()
            raise
        if not is_told:
            self._stop()
            raise CallTimeout("stopped")
        if isinstance(outcome, int):
            guardian = self._process.pid if self._has_guardian else None
            return UpNode(outcome, guardian, self.printed)
        self._wait_for_end()
        raise outcome or self._how_it_ended()

    @property
    def printed(self) -> str:
        """What the node has printed so far."""
        data = os.pread(self._printed.fileno(), _MOST_PRINTED, 0)
        return data.decode(errors="replace").rstrip("\n")

    def close(self) -> None:
        """Close what this command has open; the node is on its own."""
        for each in (self._report, self._pidfd, self._printed):
            each.close()
        # It runs on, as it should.
        self._process.returncode = self._process.returncode or 0

    def _wait_for_report(self, timeout: float | None) -> bool:
        """Wait for a message of the node's, or its end; return whether either came in time."""
        ready = select.poll()
        ready.register(self._report, select.POLLIN)
        ready.register(self._pidfd, select.POLLIN)
        return bool(ready.poll(None if timeout is None else timeout * 1000))

    def _outcome(self) -> OtpyError | int | None:
        """Return the error or the pid that the node reported; None if it did not."""
        message = None
        with contextlib.suppress(OSError):
            message = self._report.recv(_REPORT_BYTES, socket.MSG_DONTWAIT)
        if not message:
            return None
        outcome: OtpyError | int = pickle.loads(message)  # noqa: S301  # from our own program
        return outcome

    def _stop(self) -> None:
        """Stop what is starting, in order; a Ctrl-C meanwhile kills what is left."""
        is_over = False
        while not is_over:
            self._signal()
            try:
                with raising_when_stopped():
                    self._wait_for_end()
                is_over = True
            except (KeyboardInterrupt, StoppedEarly):
                pass  # once more: it kills what is left

    def _signal(self) -> None:
        send_signal(self._pidfd, signal.SIGTERM)
        send_signal(self._pidfd, signal.SIGCONT)

    def _wait_for_end(self) -> None:
        """Wait until nothing of the node is left."""
        self._process.wait()
        if not self._process.returncode:
            return
        # It may have been killed: then its supervisors stop by themselves.
        with contextlib.suppress(OtpyError, OSError):
            directory = NodeDir(self._name)
            with Descriptor(os.open(directory.lock, os.O_RDWR | os.O_CLOEXEC)) as lock:
                if self._is_signalled():
                    fcntl.flock(lock.fileno(), fcntl.LOCK_SH)
                    end_orphans(directory.path, directory.read_node_json().get("cgroup"))

    def _is_signalled(self) -> bool:
        return self._number() > 0

    def _number(self) -> int:
        """Return the signal that ended it; 0 if none did."""
        status = self._process.returncode
        if self._has_guardian and status > _SIGNALLED:
            return status - _SIGNALLED
        return max(-status, 0)

    def _how_it_ended(self) -> StartFailed:
        if number := self._number():
            return StartFailed(f"node {self._name!r} was ended by {signal_name(number)}")
        return StartFailed(f"node {self._name!r} ended with status {self._process.returncode}")


def _take_over_watchdog() -> None:
    """Let the node give the signs of life that the service manager wants of this process."""
    if os.environ.get("WATCHDOG_PID") == str(os.getpid()):
        del os.environ["WATCHDOG_PID"]


def _mind_hangups() -> None:
    """Let the node get a SIGHUP that was ignored here (nohup): it has no terminal that hangs up.

    A shell cannot handle a signal that was ignored when it started.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
