"""The processes registered under keys, as the node keeps it: Elixir's Registry, duplicate keys."""

from collections import defaultdict
from collections.abc import Iterable

from otpy.runtime.directory import Directory, Ended
from otpy.system.wait import is_alive
from otpy.wire.control import Address, RegistryEntry


class Registry:
    """Processes by key. An entry is removed with its process, before it can be looked up.

    Args:
        directory: The processes of the tree.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._values: dict[bytes, dict[Address, bytes]] = defaultdict(dict)
        self._keys: dict[Address, set[bytes]] = defaultdict(set)

    def register(self, address: Address, key: bytes, value: bytes) -> None:
        """Register a process; once more under the same key changes its value."""
        self._values[key][address] = value
        self._keys[address].add(key)

    def unregister(self, address: Address, key: bytes) -> None:
        """Undo `register`."""
        self._keys[address].discard(key)
        if not self._keys[address]:
            del self._keys[address]
        self._drop(address, key)

    def lookup(self, key: bytes) -> tuple[RegistryEntry, ...]:
        """Return the processes that are registered, the first to register first."""
        found = []
        for address, value in self._values.get(key, {}).items():
            process = self._directory.find(address.path)
            # Its supervisor may not have told yet that it is dead: the kernel knows.
            if process is not None and process.pid is not None and is_alive(process.pid):
                found.append(RegistryEntry(address, process.pid, value))
        return tuple(found)

    def ended(self, ended: Iterable[Ended]) -> None:
        """Note which processes have ended."""
        for address, *_ in ended:
            for key in self._keys.pop(address, ()):
                self._drop(address, key)

    def _drop(self, address: Address, key: bytes) -> None:
        holders = self._values[key]
        holders.pop(address, None)
        if not holders:
            del self._values[key]
