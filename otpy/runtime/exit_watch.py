"""Who waits for the death of a process, and is told why it came."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from otpy.errors import NoProcess
from otpy.runtime.directory import Directory, Ended
from otpy.wire.control import Address, Fate

Tell: TypeAlias = Callable[[Fate], None]


class Mourners:
    """Tells why an incarnation ended, as soon as that is known.

    Args:
        directory: What is known of the tree.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._waiting: dict[Address, dict[object, Tell]] = {}

    def ask(self, who: Address, tell: Tell, key: object = None) -> None:
        """Have `tell` told once: at once if it has ended already.

        Args:
            who: The incarnation.
            tell: Takes its fate.
            key: What `forget` is given, should that be wanted.

        Raises:
            NoProcess: There is no such incarnation, or it ended too long ago.
        """
        path, incarnation = who
        fate = self._directory.fate(path, incarnation)
        if fate is not None:
            tell(fate)
            return
        entry = self._directory.find(path)
        if entry is None or entry.incarnation != incarnation or entry.pid is None:
            raise NoProcess(f"nothing is known of incarnation {incarnation} of {path!r}")
        self._waiting.setdefault(who, {})[key or object()] = tell

    def forget(self, who: Address, key: object) -> None:
        """Do not tell whoever asked with `key`."""
        waiting = self._waiting.get(who, {})
        waiting.pop(key, None)
        if not waiting:
            self._waiting.pop(who, None)

    def ended(self, ended: Iterable[Ended]) -> None:
        """Take in which processes have ended."""
        for who, fate in ended:
            for tell in self._waiting.pop(who, {}).values():
                tell(fate)
