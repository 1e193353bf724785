"""A node as a service: what it says to the service manager that started it (sd_notify(3))."""

import os
import time
from collections.abc import Iterator, MutableMapping
from typing import Final

from otpy.events import (
    Event,
    NodeStarted,
    NodeStopped,
    NodeStopping,
    ReloadBegun,
    Reloaded,
    ReloadFailed,
)
from otpy.runtime.directory import Directory
from otpy.runtime.node.command import NodeTree
from otpy.runtime.node.follower import Followed
from otpy.system.loop import Loop, Timer
from otpy.system.sd_notify import ServiceManager, take_address, take_watchdog

_STATUS_EVERY_S: Final = 0.1
"""Between two texts, while many children start."""


def service_of(tree: NodeTree, environment: MutableMapping[str, str]) -> "Service | None":
    """Return the service that this process is; None if no service manager has started it.

    The variables that say so are removed from the environment: they are not for children. Nor are
    they for a node that a program runs: the program is the service.
    """
    guardian = None if tree.guardian is None else tree.guardian.pid
    pids = (os.getpid(),) if guardian is None else (os.getpid(), guardian)
    address, watchdog = take_address(environment), take_watchdog(environment, pids)
    if address is None or tree.owner is not None:
        return None
    is_forked = tree.detached or guardian is not None
    return Service(address, watchdog, pids[-1] if is_forked else None)


class Service:
    """Says to the service manager how the node is.

    Args:
        address: Of the service manager's socket.
        watchdog: Seconds within which it wants a sign of life; None if it wants none.
        main_pid: The process that stands for the service, if the service manager does not know.
    """

    def __init__(self, address: str, watchdog: float | None, main_pid: int | None) -> None:
        self._address, self._watchdog, self._main_pid = address, watchdog, main_pid
        self._node: Followed | None = None
        self._manager: ServiceManager | None = None
        self._status = ""
        self._timer: Timer | None = None
        self._is_over = self._is_reloading = False

    def begin(self, node: Followed) -> None:
        """Say which process is the service, and give the first sign of life."""
        self._node = node
        self._manager = ServiceManager(self._address, node.loop)
        if self._main_pid is not None:
            self._manager.send(MAINPID=str(self._main_pid))
        if self._watchdog is not None:
            self._give_sign(node.loop, self._watchdog / 2)

    def note(self, event: Event) -> None:
        """Say what has changed."""
        match event:
            case NodeStarted():
                self._say_status()
                self._send(READY="1")
            case ReloadBegun():
                self._reload_begins()
            case Reloaded() | ReloadFailed():
                self._reload_begins()  # one that had nothing to do
                self._is_reloading = False
                self._send(READY="1")
            case NodeStopping(why=why):
                self._is_over = True
                self._send(STOPPING="1", STATUS=f"stopping: {why}")
            case NodeStopped(reason=reason):
                self._is_over = True
                self._send(STATUS=f"stopped: {reason}")
            case _:
                pass
        if self._timer is None and not self._is_over and self._node is not None:
            self._say_status()
            self._timer = self._node.loop.call_later(_STATUS_EVERY_S, self._say_later)

    def close(self) -> None:
        """Say no more."""
        if self._manager is not None:
            self._manager.close()

    def _reload_begins(self) -> None:
        if not self._is_reloading:
            self._is_reloading = True
            usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._send(RELOADING="1", MONOTONIC_USEC=str(usec))

    def _send(self, **fields: str) -> None:
        if self._manager is not None:
            self._manager.send(**fields)

    def _say_later(self) -> None:
        self._timer = None
        if not self._is_over:
            self._say_status()

    def _say_status(self) -> None:
        assert self._node is not None
        status = status_of(self._node.directory)
        if status != self._status:
            self._status = status
            self._send(STATUS=status)

    def _give_sign(self, loop: Loop, every: float) -> None:
        self._send(WATCHDOG="1")
        loop.call_later(every, lambda: self._give_sign(loop, every))


def status_of(directory: Directory) -> str:
    """Return how many workers and commands are ready, of those that are to run."""
    leaves = [entry for entry in directory.processes() if entry.kind != "supervisor"]
    # One that never started has yet to: its supervisor has not come to it.
    wanted = [each.state for each in leaves if each.state != "stopped" or not each.incarnation]
    text = f"{wanted.count('running')} of {len(wanted)} ready"
    return "".join([text, *_others(wanted)])


def _others(states: list[str]) -> Iterator[str]:
    for state, words in (("backoff", "waiting for a new start"), ("failed", "failed")):
        if count := states.count(state):
            yield f", {count} {words}"
