"""``python -m otpy.runtime.node.guarded``: read a tree and become its node, started by a guardian.

The file is read at every start, as `otpy run` does: one that is wrong by now is told in the node's
log, and read again after a while.
"""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

from otpy.config import load
from otpy.errors import NodeAlreadyRunning, OtpyError, SpecError
from otpy.runtime.node.command import Guardian, NodeTree, exec_tree
from otpy.runtime.node.own_log import log_without_node
from otpy.runtime.node.owner_report import OwnerReport
from otpy.system.guardians import guardian_of
from otpy.system.nodedir import NodeDir
from otpy.system.signals import StoppedEarly, end_by, raising_when_stopped, restore_signals
from otpy.system.std_streams import open_standard_streams
from otpy.wire.safe_text import one_line

_WRONG: Final = 2


def main(arguments: Sequence[str]) -> int:
    """Become the node; return the exit status if that cannot be.

    Args:
        arguments: Path of the tree's file; the node's name; the descriptor of the socket to the
            command that waits, or ``-``; from the guardian its pid, how often it has started the
            node again, and how the last run ended.
    """
    file, name, starter, pid, restarts, before = arguments
    # The guardian passes signals on: a Ctrl-C, which reaches a whole group, would come twice.
    os.setpgid(0, 0)
    restore_signals({signal.SIGINT, signal.SIGCHLD})
    open_standard_streams()
    waiting: int | None = None
    try:
        with raising_when_stopped():
            guardian = _guardian(int(pid), int(restarts), before)
            waiting = _waiting(starter, guardian)
            _become_node(file, name, guardian, waiting, is_detached=starter != "-")
    except OtpyError as error:
        return _refuse(name, error, waiting)
    except StoppedEarly as stopped:
        return end_by(stopped.number)
    except KeyboardInterrupt:
        return end_by(signal.SIGINT)
    except Exception:  # noqa: BLE001 - whatever it is, it is in the log
        return _complain(name, [traceback.format_exc().rstrip("\n")])


def _refuse(name: str, error: OtpyError, waiting: int | None) -> int:
    """Say why there is no node: to the command that waits if there is one; return the status."""
    with contextlib.closing(OwnerReport(None, waiting)) as report:
        report.failed(error)
        if report.is_read:
            return _WRONG
    return _complain(name, error.mistakes if isinstance(error, SpecError) else [str(error)])


def _guardian(pid: int, restarts: int, before: str) -> Guardian:
    pidfd = os.pidfd_open(pid)
    if os.getppid() != pid:
        raise ProcessLookupError("the guardian has ended")
    os.set_inheritable(pidfd, True)
    return Guardian(pid, pidfd, restarts, before)


def _waiting(starter: str, guardian: Guardian) -> int | None:
    """Return the socket to the command that waits for the first start; later there is none."""
    if starter == "-":
        return None
    if guardian.restarts:
        os.close(int(starter))
        return None
    return int(starter)


def _become_node(
    file: str, name: str, guardian: Guardian, waiting: int | None, *, is_detached: bool
) -> NoReturn:
    found = guardian_of(NodeDir(name))
    if found is not None and found.pid != guardian.pid:
        raise NodeAlreadyRunning(name, found.pid)
    if found is not None and found.config:
        file = found.config  # that of the last reload
    # At first the command that became the guardian has imported all, a moment ago.
    config = load(file, check_imports=bool(guardian.restarts))
    if config.name != name:
        text = f"{file}: the node's name is {config.name!r} now, and {name!r} is guarded"
        raise OtpyError(f"{text}; run `otpy shutdown`, then `otpy run` again")
    exec_tree(
        NodeTree(
            config.name,
            config.path,
            config.spec,
            starter=waiting,
            detached=is_detached,
            guardian=guardian,
        )
    )


def _complain(name: str, mistakes: Sequence[str]) -> int:
    for mistake in mistakes:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"otpy: {one_line(mistake)}\n")
        log_without_node(name, mistake)
    return _WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
