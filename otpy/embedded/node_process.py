"""The process of a node that a program runs: its start, its report, its end.

It is a fresh interpreter, and no fork of the program: there may be threads, and modules that every
process of the tree would pay for. It has a process group of its own, so that a Ctrl-C reaches the
program alone, which stops it in order. When the program ends, however that happens, the node reads
it from a pidfd, and stops in order, too.
"""

import contextlib
import fcntl
import itertools
import os
import pickle
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from otpy.config.tree import PlainTree, TreeConfig, load_for_program
from otpy.errors import OtpyError, ProcessDown, StartFailed
from otpy.runtime.node.command import NodeTree, Owner, file_of, node_command
from otpy.runtime.node.orphans import end_orphans
from otpy.system.descriptor import Descriptor
from otpy.system.marks import with_room
from otpy.system.nodedir import NodeDir
from otpy.system.search_path import path_of_this_program
from otpy.system.wait import signal_name

Tree: TypeAlias = str | os.PathLike[str] | PlainTree
"""A file, the fields of a tree as YAML would hold them, or the list of its children."""

Output: TypeAlias = int | IO[Any] | None
"""As in `subprocess`: a descriptor, a file, `subprocess.DEVNULL`; None is the program's own."""

_REPORT_BYTES: Final = 1 << 17
_MOST_OF_NAME: Final = 40

_numbers: Final = itertools.count(1)


def load_tree(tree: Tree, name: str | None) -> tuple[TreeConfig, bool]:
    """Return a tree with its node's name, and whether that name is this program's alone.

    Raises:
        SpecError: With a line for each mistake.
    """
    unnamed = _name_of_its_own(tree)
    config = load_for_program(tree, path_of_this_program(), unnamed)
    if name is not None:
        return TreeConfig(name, config.spec, config.path), False
    return config, config.name == unnamed


def _name_of_its_own(tree: Tree) -> str:
    file = Path(tree if isinstance(tree, str | os.PathLike) else sys.argv[0])
    name = file.parent.name if file.stem == "__main__" else file.stem  # python -m package
    stem = re.sub(r"[^\w.+-]", "_", name).strip("-.")
    return f"{stem[:_MOST_OF_NAME] or 'python'}-{os.getpid()}-{next(_numbers)}"


class NodeProcess:
    """A node that runs for this program, from its start to its end.

    Args:
        config: The tree.
        is_own: Whether the node's name is this program's alone: its folder goes with it.
        stdout: Where its output goes.
        stderr: Where its complaints go.

    Attributes:
        name: The node's.
        report: A socket with a message once the tree is up, or why it is not.
        pidfd: Readable once the node has ended.
    """

    def __init__(
        self, config: TreeConfig, *, is_own: bool, stdout: Output = None, stderr: Output = None
    ) -> None:
        self.name = config.name
        if subprocess.PIPE in (stdout, stderr):
            raise ValueError("stdout and stderr are a descriptor or a file: nobody reads a pipe")
        self._is_own = is_own
        self._program = os.getpid()
        self.report, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, Descriptor(os.pidfd_open(os.getpid())) as program:
                passed = (program.fileno(), theirs.fileno())
                owner = Owner(*passed, tuple(path_of_this_program()), is_own)
                with file_of(NodeTree(config.name, config.path, config.spec, owner)) as given:
                    fd = given.fileno()
                    self._process = subprocess.Popen(  # noqa: S603  # a program of ours
                        node_command(fd),
                        env=with_room(os.environ),
                        stdin=subprocess.DEVNULL,
                        stdout=stdout,
                        stderr=stderr,
                        pass_fds=(fd, *passed),
                        process_group=0,
                    )
            self.pidfd = Descriptor(os.pidfd_open(self._process.pid))
        except BaseException:
            self.report.close()
            raise

    @property
    def is_of_parent(self) -> bool:
        """Whether this process is a fork of the program whose node it is."""
        return os.getpid() != self._program

    @property
    def was_killed(self) -> bool:
        """Whether it ended by a signal, once it was reaped."""
        return self._process.returncode is not None and self._process.returncode < 0

    def take_report(self) -> None:
        """Read that the tree is up; to be called once `report` or `pidfd` is readable.

        Raises:
            StartFailed: A child failed to start, or something else was in the way.
            NodeAlreadyRunning: Another node has its name.
            RuntimeDirError: The directory of the nodes' sockets cannot be used.
        """
        message = self._message()
        if message is None:
            self.reap()
            raise StartFailed(f"node {self.name!r} {_how_it_ended(self._process.returncode)}")
        outcome = pickle.loads(message)  # noqa: S301  # from our own program, by our own socket
        if isinstance(outcome, OtpyError):
            raise outcome

    def stop(self) -> None:
        """Ask the node to stop in order; it may be stopping already."""
        with contextlib.suppress(OSError):  # it has ended
            self.report.send(b"!", socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)

    def stop_now(self) -> None:
        """Have the node kill what is left, once it was asked to stop."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd.fileno(), signal.SIGTERM)

    def reap(self) -> None:
        """Collect the exit status of the node, which has ended."""
        self._process.wait()

    def clear_up(self) -> None:
        """End what is left of a node that was killed; remove its folder if no other will have it.

        Its supervisors stop themselves, within the budgets of their children: they are waited for.
        """
        with contextlib.suppress(OtpyError, OSError):
            directory = NodeDir(self.name)
            facts = directory.read_node_json()
            if not self.was_killed or facts.get("pid") != self._process.pid:
                return  # it was left in order, or is another node's
            with Descriptor(os.open(directory.lock, os.O_RDWR | os.O_CLOEXEC)) as lock:
                fcntl.flock(lock.fileno(), fcntl.LOCK_SH)
                end_orphans(directory.path, facts.get("cgroup"))
            if self._is_own:
                shutil.rmtree(directory.path, ignore_errors=True)

    def raise_failure(self) -> None:
        """Raise why the node did not end well, if it did not.

        Raises:
            ProcessDown: It gave up, or was killed.
        """
        message = self._message()
        outcome = None if message is None else pickle.loads(message)  # noqa: S301  # as above
        if isinstance(outcome, OtpyError):
            raise ProcessDown(str(outcome), getattr(outcome, "traceback", ""))
        if self._process.returncode:
            raise ProcessDown(f"node {self.name!r} {_how_it_ended(self._process.returncode)}")

    def close(self) -> None:
        """Close what this program has open for the node."""
        self.report.close()
        self.pidfd.close()

    def _message(self) -> bytes | None:
        """Return the next message of the node; None if there is none."""
        with contextlib.suppress(OSError):
            try:
                return self._receive()
            except ConnectionResetError:  # once: it had not read that it is to stop (unix(7))
                return self._receive()
        return None

    def _receive(self) -> bytes | None:
        return self.report.recv(_REPORT_BYTES, socket.MSG_DONTWAIT) or None


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal_name(-status)}"
    return f"ended with status {status}"
