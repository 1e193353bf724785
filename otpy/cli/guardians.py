"""The guardians of nodes (`otpy run --heart`), which are there also while no node runs."""

import contextlib
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otpy.errors import NodeAlreadyRunning
from otpy.system.descriptor import Descriptor
from otpy.system.guardians import GuardianFacts, guardian_of
from otpy.system.nodedir import NodeDir, runtime_dir

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo

GUARDIAN: Final = "@heart"
"""What stands for the path of a guardian, which is in no tree."""

_MOST_S: Final = 10.0
"""It ends as soon as its node has."""


def refuse_guarded(name: str) -> None:
    """Raise NodeAlreadyRunning if the guardian of a node of that name is about to start it."""
    if (found := guardian_of(NodeDir(name))) is not None:
        raise NodeAlreadyRunning(name, found.pid)


def guardian_rows(node: "Node") -> "list[ProcessInfo]":
    """Return the row of the node's guardian, if it has one: how often it started the node again."""
    if (found := guardian_of(NodeDir(node.name))) is None:
        return []
    from otpy import ProcessInfo  # noqa: PLC0415 - few nodes have one
    from otpy.cli.processes import started_at  # noqa: PLC0415 - as above

    row = ProcessInfo(
        path=GUARDIAN,
        kind="guardian",
        state="running",
        pid=found.pid,
        incarnation=1,
        restarts=found.restarts,
        started_at=started_at(found.pid),
        reason=found.reason,
    )
    return [row]


def only_guarded() -> str | None:
    """Return the name of the only node that has a guardian; None if there is not exactly one."""
    names = [path.parent.name for path in _files()]
    guarded = [name for name in names if guardian_of(NodeDir(name)) is not None]
    return guarded[0] if len(guarded) == 1 else None


def _files() -> list[Path]:
    try:
        return list(runtime_dir().glob("*/heart.json"))
    except OSError:
        return []


class GuardianEnd:
    """Waits for the end of a node's guardian, if it has one.

    Args:
        name: The node's.
    """

    def __init__(self, name: str) -> None:
        directory = NodeDir(name)
        self._pidfd: Descriptor | None = None
        found = guardian_of(directory)
        if found is not None and self._is_same(directory, found):
            self.pid = found.pid

    def _is_same(self, directory: NodeDir, found: GuardianFacts) -> bool:
        try:
            self._pidfd = Descriptor(os.pidfd_open(found.pid))
        except OSError:
            return False
        if guardian_of(directory) == found:  # asked again: now it is no other process's pid
            return True
        self._pidfd.close()
        self._pidfd = None
        return False

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self._pidfd is not None

    def stop(self) -> None:
        """Ask it to stop its node, if that runs, and to end."""
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd.fileno(), signal.SIGTERM)

    def wait(self, seconds: float | None = _MOST_S) -> bool:
        """Wait for its end; return whether it has ended in time."""
        if self._pidfd is None:
            return True
        ended = select.poll()
        ended.register(self._pidfd, select.POLLIN)
        return bool(ended.poll(None if seconds is None else seconds * 1000))

    def close(self) -> None:
        """Close what is open for it."""
        if self._pidfd is not None:
            self._pidfd.close()
