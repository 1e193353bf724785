"""Callbacks that are called when a process exits, with the reason."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from otpy.errors import NoProcess
from otpy.runtime.directory import Directory, Ended
from otpy.wire.control import Address, ExitInfo

OnExit: TypeAlias = Callable[[ExitInfo], None]


class ExitWatchers:
    """Calls back when an incarnation has ended, with the reason.

    Args:
        directory: The processes of the tree.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._waiting: dict[Address, dict[object, OnExit]] = {}

    def watch(self, address: Address, on_exit: OnExit, key: object = None) -> None:
        """Call `on_exit` once the process has ended; at once if it has already.

        Args:
            address: The incarnation.
            on_exit: Called with the exit reason.
            key: The key for `unwatch`, if that is wanted.

        Raises:
            NoProcess: There is no such incarnation, or it ended too long ago.
        """
        path, incarnation = address
        exit_info = self._directory.exit_info(path, incarnation)
        if exit_info is not None:
            on_exit(exit_info)
            return
        entry = self._directory.find(path)
        if entry is None or entry.incarnation != incarnation or entry.pid is None:
            raise NoProcess(f"nothing is known of incarnation {incarnation} of {path!r}")
        self._waiting.setdefault(address, {})[key or object()] = on_exit

    def unwatch(self, address: Address, key: object) -> None:
        """Undo `watch`: do not call what was given with `key`."""
        waiting = self._waiting.get(address, {})
        waiting.pop(key, None)
        if not waiting:
            self._waiting.pop(address, None)

    def notify(self, ended: Iterable[Ended]) -> None:
        """Call back for the processes that have ended."""
        for address, exit_info, *_ in ended:
            for on_exit in self._waiting.pop(address, {}).values():
                on_exit(exit_info)
