"""Several instances of one child, and which of them gets a message."""

import time
from collections.abc import Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from otpy.wire.keys import key_bytes

_DOWN_S: Final = 1.0
"""Seconds that an instance which was seen to be down is passed over."""

_LOADS_S: Final = 0.1
"""Seconds that the loads from the supervisor are used."""

_COUNT_S: Final = 1.0
"""Seconds that the number of instances is used for keys: it may be changed as they run."""

_encoder: Final = msgspec.msgpack.Encoder(order="deterministic")


def instance_of(key: object, count: int) -> int:
    """Return which of `count` instances a key belongs to.

    The same for ever, in every process and with every version of Python: an integer by its
    remainder, as in Elixir's PartitionSupervisor, anything else by the CRC-32 of its
    MessagePack, with the keys of mappings sorted.

    Raises:
        NotSendable: MessagePack cannot carry the key.
    """
    if isinstance(key, int) and not isinstance(key, bool):
        return abs(key) % count
    import zlib  # noqa: PLC0415  # a library of its own, which most workers never need

    try:
        data = _encoder.encode(key)
    except (TypeError, ValueError, OverflowError, RecursionError):
        data = key_bytes(key)  # or it tells what is wrong with it
    return zlib.crc32(data) % count


class OpenOrNot(Protocol):
    """A link."""

    open: bool


class Instance(Protocol):
    """A reference to an instance."""

    @property
    def _present_link(self) -> OpenOrNot | None:
        """The link to it, if there is one; it may have ended."""

    @property
    def _under_way(self) -> int:
        """Return how many requests of this process are under way there."""


InstanceT = TypeVar("InstanceT", bound=Instance)


class Pool(Generic[InstanceT]):
    """The instances of one child.

    Args:
        path: Of the child.
        refs: To its instances, in their order.
    """

    def __init__(self, path: str, refs: list[InstanceT]) -> None:
        self.path, self._refs = path, refs
        # Not 0, so that clients of one request each do not all begin with the first instance.
        self._next = time.monotonic_ns() % len(refs)
        self._down_until: dict[int, float] = {}
        self._loads: Sequence[int] = ()
        self._loads_until = 0.0
        self._count_until = 0.0

    def __len__(self) -> int:
        return len(self._refs)

    def __contains__(self, instance: object) -> bool:
        return instance in self._refs

    def choose(self, key: object) -> InstanceT:
        """Return the instance that a key belongs to, or without one (None) the least busy.

        That is the one with the fewest messages, as their supervisor told lately, or with the
        fewest requests of this process under way, if those are more; of those with as many, the
        one whose turn it is.
        """
        if key is not None:
            return self._refs[instance_of(key, len(self._refs))]
        best, fewest = -1, -1
        for number in self._in_turn():
            messages = max(self._refs[number]._under_way, self._loads[number] if self._loads else 0)
            if best < 0 or messages < fewest:
                best, fewest = number, messages
            if not fewest:
                break
        instance = self._refs[best]
        if instance._present_link is not None and instance._present_link.open:
            self._next = best + 1  # else it is looked at first, and chosen once more
        return instance

    def update_loads(self, loads: Sequence[int]) -> None:
        """Note the number of messages of each instance; -1: it is not up."""
        if len(loads) != len(self._refs):
            return
        now = time.monotonic()
        self._count_until = now + _COUNT_S
        self._loads, self._loads_until = loads, now + _LOADS_S
        self._down_until = {n: now + _DOWN_S for n, load in enumerate(loads) if load < 0}

    def has_to_ask(self, key: object) -> bool:
        """Return whether new loads, or for a key the number, are needed before one is chosen."""
        return time.monotonic() > (self._loads_until if key is None else self._count_until)

    def chose(self, instance: InstanceT, *, runs: bool) -> None:
        """Note whether the instance that was chosen runs."""
        number = self._refs.index(instance)
        if runs:
            self._next = number + 1
        else:
            self._down_until[number] = time.monotonic() + _DOWN_S

    def choose_whatever(self) -> InstanceT:
        """Choose though none was seen to run: which comes back first is not known."""
        self._down_until.clear()
        return self.choose(None)

    def _in_turn(self) -> Iterator[int]:
        """Return the numbers of the instances, beginning with the next; those down last."""
        first, count = self._next, len(self._refs)
        numbers = ((first + i) % count for i in range(count))
        if not self._down_until:
            return numbers
        now = time.monotonic()
        self._down_until = {n: until for n, until in self._down_until.items() if until > now}
        down = self._down_until
        listed = list(numbers)
        return iter([n for n in listed if n not in down] or listed)
