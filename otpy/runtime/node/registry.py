"""Who is registered under which key, as the node keeps it: Elixir's Registry, duplicate keys."""

from collections import defaultdict
from collections.abc import Iterable

from otpy.runtime.directory import Directory, Ended
from otpy.system.wait import is_alive
from otpy.wire.control import Address, RegistryEntry


class Registry:
    """Processes by key. An entry goes with its process, before anybody can see it dangle.

    Args:
        directory: Who is where.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._values: dict[bytes, dict[Address, bytes]] = defaultdict(dict)
        self._keys: dict[Address, set[bytes]] = defaultdict(set)

    def register(self, who: Address, key: bytes, value: bytes) -> None:
        """Register a process; once more under the same key changes its value."""
        self._values[key][who] = value
        self._keys[who].add(key)

    def unregister(self, who: Address, key: bytes) -> None:
        """Undo `register`."""
        self._keys[who].discard(key)
        if not self._keys[who]:
            del self._keys[who]
        self._drop(who, key)

    def lookup(self, key: bytes) -> tuple[RegistryEntry, ...]:
        """Return who is registered, the first to register first."""
        found = []
        for who, value in self._values.get(key, {}).items():
            process = self._directory.find(who.path)
            # Its supervisor may not have told yet that it is dead: the kernel knows.
            if process is not None and process.pid is not None and is_alive(process.pid):
                found.append(RegistryEntry(who, process.pid, value))
        return tuple(found)

    def ended(self, ended: Iterable[Ended]) -> None:
        """Note which processes have ended."""
        for who, _ in ended:
            for key in self._keys.pop(who, ()):
                self._drop(who, key)

    def _drop(self, who: Address, key: bytes) -> None:
        holders = self._values[key]
        holders.pop(who, None)
        if not holders:
            del self._values[key]
