"""The node in the interpreter that was executed for it: what it prepares, and its exit status."""

import contextlib
import gc
import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import otpy.runtime.preload  # noqa: F401  # before all that is forked, and first
from otpy.core.spec import sockets_of
from otpy.errors import OtpyError, StartFailed
from otpy.runtime.logger.logger import LogSocket
from otpy.runtime.node.command import NodeTree
from otpy.runtime.node.lock import acquire
from otpy.runtime.node.node import NodeEnd, NodeProcess
from otpy.runtime.node.node_files import NodeFiles
from otpy.runtime.node.owner_report import OwnerReport
from otpy.runtime.node.warm_up import warm_up
from otpy.runtime.state_folder import remember_state_folder
from otpy.runtime.stdio.stdio import Stdio
from otpy.system import cgroup
from otpy.system.children import ChildList
from otpy.system.claim import Claim
from otpy.system.descriptor import Descriptor
from otpy.system.nodedir import NodeDir
from otpy.system.prctl import become_subreaper
from otpy.system.proctitle import prepare_titles
from otpy.system.search_path import remember_start_directory, search_as
from otpy.system.signals import (
    StoppedEarly,
    end_by,
    raise_when_stopped,
    restore_signals,
)
from otpy.system.spawn import raise_descriptor_limit
from otpy.wire.safe_text import one_line

if TYPE_CHECKING:
    from otpy.runtime.node.follower import Follower
    from otpy.runtime.node.sockets import HeldSockets


def main(fd: int) -> int:
    """Run the node whose tree is in `fd`; return the exit status of `otpy run`."""
    raise_when_stopped()
    restore_signals()
    remember_start_directory()
    prepare_titles()
    with open(fd, "rb") as file:  # a descriptor has no path
        tree: NodeTree = pickle.load(file)  # noqa: S301  # written by the process that started this
    if tree.owner is not None:
        search_as(tree.owner.searched)
    with contextlib.closing(OwnerReport(tree.owner, tree.starter)) as report:
        return _status(tree, report)


def _status(tree: NodeTree, report: OwnerReport) -> int:
    """Run the node and say how it ended; return the exit status."""
    status = 1
    try:
        complaint, status = _run_node(tree, report)
        if complaint:
            report.failed(StartFailed(complaint, report.traceback))
    except StoppedEarly as stopped:
        return end_by(stopped.number)
    except OtpyError as error:
        complaint = str(error)
        report.failed(error)
        _log_failure(tree, complaint)
    except _CannotStart as error:
        complaint = f"cannot start {tree.name}: {error}"
        report.failed(StartFailed(complaint))
        _log_failure(tree, complaint)
    if complaint and not report.is_read:
        sys.stderr.write(f"otpy: {one_line(complaint)}\n")
    return status


def _log_failure(tree: NodeTree, complaint: str) -> None:
    """Log why a node does not start which nobody looks at."""
    if tree.guardian is not None:
        from otpy.runtime.node.own_log import log_without_node  # noqa: PLC0415 - rarely needed

        log_without_node(tree.name, complaint)


class _CannotStart(Exception):
    """The system refused something before the node ran; after that it is a fault of otpy's."""


def _run_node(tree: NodeTree, report: OwnerReport) -> NodeEnd:
    """Run the node; return how it ended."""
    with contextlib.ExitStack() as stack:
        try:
            node = _prepare(tree, report, stack)
        except OSError as error:
            raise _CannotStart(error) from error
        try:
            return node.run()
        except Exception:
            node.log.say(traceback.format_exc().rstrip("\n"), "ERROR")
            raise


def _prepare(tree: NodeTree, report: OwnerReport, stack: contextlib.ExitStack) -> NodeProcess:
    directory = NodeDir(tree.name)
    claim = Claim(directory)
    lock = acquire(directory, claim)
    stack.callback(claim.release)  # after the lock: another run asks for that first
    stack.callback(lock.close)
    if tree.owner is not None and tree.owner.removes_folder:
        stack.callback(_remove, directory.path)
    if (group := cgroup.enter_own(f"{tree.name}-{os.getpid()}")) is not None:
        stack.callback(cgroup.leave, group)
    with contextlib.closing(ChildList()) as children:
        preexisting_children = set(children.read())
    if tree.detached:
        _print_nowhere()
    stdio = Stdio(tree.name, preexisting_children)
    stack.callback(stdio.finish)
    become_subreaper()
    raise_descriptor_limit()
    _read_nothing()
    remember_state_folder(tree.name)
    files = NodeFiles(directory, tree.config, claim, lock, group)
    stack.callback(files.close)
    log = LogSocket(directory.log)
    stack.callback(log.close)
    sockets = _open_sockets(tree, stack)
    real, followers = stdio.real, _followers(tree, directory, stack)
    if tree.detached:
        from otpy.runtime.node.own_output import OwnOutput  # noqa: PLC0415 - of few nodes

        output = stack.enter_context(contextlib.closing(OwnOutput()))
        real, followers = output.ends, [output, *followers]
    node = NodeProcess(
        tree,
        files,
        log,
        preexisting_children,
        report,
        followers=followers,
        real=real,
        sockets=sockets,
    )
    stdio.watch(node.loop)
    warm_up()
    # What exists now is never garbage: collecting would only unshare its pages.
    gc.collect()
    gc.freeze()
    return node


def _open_sockets(tree: NodeTree, stack: contextlib.ExitStack) -> "HeldSockets | None":
    """Open the sockets of the tree, or take those that were passed; None if it has none."""
    if not sockets_of(tree.spec) and "LISTEN_PID" not in os.environ:
        return None
    # Not above: every process of the node would have what it imports.
    from otpy.runtime.node.sockets import HeldSockets  # noqa: PLC0415
    from otpy.system.listening import take_passed  # noqa: PLC0415

    guardian = None if tree.guardian is None else tree.guardian.pid
    held = HeldSockets(tree.spec, take_passed(guardian))
    stack.callback(held.close)
    return held


def _followers(tree: NodeTree, directory: NodeDir, stack: contextlib.ExitStack) -> "list[Follower]":
    """Return what is told of all that happens: for most nodes nothing, and nothing is imported."""
    followers: list[Follower] = []
    if tree.guardian is not None:
        from otpy.runtime.node.guardian import GuardianLink  # noqa: PLC0415 - of few nodes

        link = GuardianLink(tree.guardian, directory, tree.config)
        followers.append(stack.enter_context(contextlib.closing(link)))
    if "NOTIFY_SOCKET" in os.environ or "WATCHDOG_USEC" in os.environ:
        from otpy.runtime.node.service import service_of  # noqa: PLC0415 - of services alone

        if (service := service_of(tree, os.environ)) is not None:
            followers.append(stack.enter_context(contextlib.closing(service)))
    return followers


def _print_nowhere() -> None:
    with Descriptor(os.open(os.devnull, os.O_WRONLY)) as null:
        for number in (1, 2):
            os.dup2(null.fileno(), number)


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - at the end, and of few nodes

    shutil.rmtree(folder, ignore_errors=True)


def _read_nothing() -> None:
    """Read no terminal: a child that did would stop the others' output (SIGTTIN)."""
    with Descriptor(os.open(os.devnull, os.O_RDONLY)) as null:
        os.dup2(null.fileno(), 0)
    # Made here, once, for every process of the node: it is at its end for every reader.
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc]  # noqa: SIM115
