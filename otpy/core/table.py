"""A mapping in order that is never changed: each change makes another, which shares the rest.

A supervisor decides several times for each child that starts or ends. To copy a table of
thousands of children each time would take longer than the decision, and touch every page of
memory that the table shares with the processes forked before. So the entries lie in buckets, by
the hash of their keys, and a change copies one bucket.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar

V = TypeVar("V")

_IN_A_BUCKET: Final = 32
"""Entries, on average, at which there are made twice as many buckets."""


class Table(Mapping[str, V], Generic[V]):
    """Values by key, in the order in which the keys came in.

    Args:
        items: The first entries.
    """

    __slots__ = ("_buckets", "_next", "_size")

    def __init__(self, items: Iterable[tuple[str, V]] = ()) -> None:
        entries = {key: (place, key, value) for place, (key, value) in enumerate(items)}
        self._fill(entries.values(), len(entries))

    def _fill(self, entries: Iterable[tuple[int, str, V]], size: int) -> None:
        count = 1
        while size > count * _IN_A_BUCKET:
            count *= 2
        buckets: list[dict[str, tuple[int, str, V]]] = [{} for _ in range(count)]
        last = -1
        for entry in entries:
            buckets[hash(entry[1]) & (count - 1)][entry[1]] = entry
            last = max(last, entry[0])
        self._buckets, self._size, self._next = tuple(buckets), size, last + 1

    def _bucket(self, key: str) -> int:
        return hash(key) & (len(self._buckets) - 1)

    def put(self, key: str, value: V) -> "Table[V]":
        """Return a table with this value: in the old place of the key, or at the end."""
        number = self._bucket(key)
        old = self._buckets[number].get(key)
        place = self._next if old is None else old[0]
        bucket = {**self._buckets[number], key: (place, key, value)}
        return self._with(number, bucket, self._size + (old is None), max(self._next, place + 1))

    def without(self, key: str) -> "Table[V]":
        """Return a table without this key, which has to be there."""
        number = self._bucket(key)
        bucket = dict(self._buckets[number])
        del bucket[key]
        return self._with(number, bucket, self._size - 1, self._next)

    def _with(
        self, number: int, bucket: dict[str, tuple[int, str, V]], size: int, following: int
    ) -> "Table[V]":
        other: Table[V] = Table.__new__(Table)
        buckets = self._buckets
        other._buckets = (*buckets[:number], bucket, *buckets[number + 1 :])
        other._size, other._next = size, following
        if size > 2 * len(buckets) * _IN_A_BUCKET:
            other._fill([entry for each in other._buckets for entry in each.values()], size)
        return other

    def __getitem__(self, key: str) -> V:
        return self._buckets[self._bucket(key)][key][2]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._buckets[self._bucket(key)]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        entries = [entry for bucket in self._buckets for entry in bucket.values()]
        entries.sort(key=_place)
        return iter([entry[1] for entry in entries])

    def __repr__(self) -> str:
        return f"Table({dict(self)!r})"


def _place(entry: tuple[int, str, object]) -> int:
    return entry[0]
