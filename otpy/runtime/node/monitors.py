"""Monitors and links between processes (erlang:monitor/2, link/1), as the node keeps them.

A monitor is one-way, and there may be many; a link is symmetric, and there is one. Both end with
either process.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from otpy.errors import NoProcess
from otpy.runtime.directory import Directory, Ended
from otpy.runtime.directory import ProcessEntry as Process
from otpy.runtime.exit_watch import ExitWatchers
from otpy.wire.control import Address, DownNotification, ExitInfo, ExitNotification

NO_PROCESS: Final = "noproc"
"""The reason of what was dead before it was monitored or linked to."""


class MonitorTable:
    """The processes that are notified when another ends.

    Args:
        directory: The processes of the tree.
        exit_watchers: Call back when a process has exited.
        notify: Sends a message to one incarnation of a process.
    """

    def __init__(
        self,
        directory: Directory,
        exit_watchers: ExitWatchers,
        notify: Callable[[Address, DownNotification | ExitNotification], None],
    ) -> None:
        self._directory, self._exit_watchers, self._notify = directory, exit_watchers, notify
        self._monitors: dict[Address, dict[int, Address]] = defaultdict(dict)
        self._links: dict[Address, set[Address]] = defaultdict(set)

    def monitor(self, watcher: Address, number: int, name: str) -> None:
        """Notify `watcher` when process `name` ends; at once if it has no process."""
        process = self._living(name)
        if process is None:
            self._notify(watcher, DownNotification(number, Address(name, 0), NO_PROCESS))
            return
        address = Address(process.path, process.incarnation)
        self._monitors[watcher][number] = address

        def tell(exit_info: ExitInfo) -> None:
            self._forget_monitor(watcher, number)
            self._notify(watcher, DownNotification(number, address, exit_info.reason))

        self._exit_watchers.watch(address, tell, key=(watcher, number))

    def demonitor(self, watcher: Address, number: int) -> None:
        """Undo `monitor`; do nothing if its notification has been sent."""
        address = self._forget_monitor(watcher, number)
        if address is not None:
            self._exit_watchers.unwatch(address, (watcher, number))

    def _forget_monitor(self, watcher: Address, number: int) -> Address | None:
        monitors = self._monitors.get(watcher, {})
        address = monitors.pop(number, None)
        if not monitors:
            self._monitors.pop(watcher, None)
        return address

    def link(self, one: Address, name: str, *, trap_exit: bool) -> None:
        """Link two processes; one that traps exits is notified if the other has ended.

        Raises:
            NoProcess: The other has ended, and this one does not trap exits.
        """
        process = self._living(name)
        if process is None:
            if not trap_exit:
                raise NoProcess(f"{name!r} is not running")
            self._notify(one, ExitNotification(Address(name, 0), NO_PROCESS))
            return
        other = Address(process.path, process.incarnation)
        if other != one:  # a link to oneself is none
            self._links[one].add(other)
            self._links[other].add(one)

    def unlink(self, one: Address, name: str) -> None:
        """Undo `link`."""
        path = self._directory.resolve(name).path
        for other in tuple(self._links.get(one, ())):
            if other.path == path:
                self._drop_link(one, other)
                self._drop_link(other, one)

    def ended(self, ended: Iterable[Ended]) -> None:
        """Note which processes have ended, and notify those that are linked to them."""
        for address, exit_info, *_ in ended:
            for number, watched in self._monitors.pop(address, {}).items():
                self._exit_watchers.unwatch(watched, (address, number))
            for other in self._links.pop(address, ()):
                self._drop_link(other, address)
                self._notify(other, ExitNotification(address, exit_info.reason))

    def _drop_link(self, one: Address, other: Address) -> None:
        linked = self._links.get(one, set())
        linked.discard(other)
        if not linked:
            self._links.pop(one, None)

    def _living(self, name: str) -> Process | None:
        try:
            process = self._directory.resolve(name)
        except NoProcess:
            return None
        return process if process.pid is not None else None
