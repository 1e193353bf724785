"""The node's side of its guardian, `heart.sh`, which starts it again."""

import contextlib
import os
import signal
import time
from typing import Final

import msgspec

from otpy.events import (
    AutoShutdown,
    EssentialEnded,
    Event,
    FilesRestored,
    NodeRestarted,
    NodeStarted,
    NodeStopping,
    Reloaded,
)
from otpy.runtime.node.command import Guardian
from otpy.runtime.node.follower import Followed
from otpy.system.descriptor import Descriptor
from otpy.system.guardians import GuardianFacts
from otpy.system.nodedir import NodeDir
from otpy.system.procfs import start_time
from otpy.system.wait import send_signal
from otpy.wire.paths import NODE

_PRIVATE: Final = 0o600


class GuardianLink:
    """Tells the guardian when the tree is up, and when the node ends in order.

    Args:
        guardian: It.
        directory: The node's, in which a file names it, also while no node runs.
        config: The file that the node runs.
    """

    def __init__(self, guardian: Guardian, directory: NodeDir, config: str) -> None:
        os.set_inheritable(guardian.pidfd, False)
        self._guardian, self._pidfd = guardian, Descriptor(guardian.pidfd)
        self._file, self._config = directory.guardian, config
        self._is_final = False
        self._write()

    def begin(self, node: Followed) -> None:
        """Stop the node when the guardian ends; publish that it has started the node again."""

        def ended(_events: int) -> None:
            self._pidfd.close()
            node.stop("its guardian has ended")

        node.loop.watch(self._pidfd, ended)
        if self._guardian.restarts:
            node.publish(
                NodeRestarted(
                    at=time.time(),
                    path=NODE,
                    node=node.name,
                    restarts=self._guardian.restarts,
                    reason=self._guardian.before,
                )
            )

    def note(self, event: Event) -> None:
        """Tell the guardian what it needs to know."""
        match event:
            case NodeStarted():
                self._signal(signal.SIGUSR1)
            case NodeStopping() | AutoShutdown(path="") | EssentialEnded():
                self._is_final = True
                self._signal(signal.SIGUSR2)
            case Reloaded(config=config) if config:
                self._config = config
                self._write()
            case FilesRestored():
                self._write()
            case _:
                pass

    def close(self) -> None:
        """Remove the file if the node is not started again."""
        if self._is_final:
            self._file.unlink(missing_ok=True)
        if not self._pidfd.closed:
            self._pidfd.close()

    def _signal(self, number: int) -> None:
        if not self._pidfd.closed:
            send_signal(self._pidfd, number)

    def _write(self) -> None:
        """Name the guardian, for `otpy shutdown` and others; a full disk is no reason to end."""
        ticks, restarts = start_time(self._guardian.pid), self._guardian.restarts
        if ticks is None:
            return  # it has ended
        reason = self._guardian.before
        facts = GuardianFacts(self._guardian.pid, ticks, restarts, reason, self._config)
        fresh = self._file.with_suffix(".new")
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
            with Descriptor(fd):
                os.write(fd, msgspec.json.encode(facts) + b"\n")
            fresh.replace(self._file)
