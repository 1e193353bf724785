"""Python's allocator, as a process that forks many others has to see it."""

from collections.abc import Callable
from functools import partial
from typing import Final

_POOL_BYTES: Final = 1 << 14
_POOL_HEADER: Final = 48
_BLOCK: Final = 16
_LARGEST_BLOCK: Final = 512
"""As in Objects/obmalloc.c: blocks of one size fill a pool, and the next pool after that."""

_MOST_BYTES: Final = 1 << 16
"""Of blocks of one size; where there is another allocator no pool ever begins."""

_BYTES_HEAD: Final = 33


def _makers() -> list[tuple[int, Callable[[], object]]]:
    larger = range(3 * _BLOCK, _LARGEST_BLOCK + 1, _BLOCK)
    return [
        (_BLOCK, object),
        (2 * _BLOCK, partial(float, "1.5")),
        *((size, partial(bytes, size - _BYTES_HEAD)) for size in larger),
    ]


def fill_partial_pools() -> list[object]:
    """Fill every pool that is partly free, with what is returned; to be kept until the forks.

    What a forked process makes comes to lie in the gaps between what it shares with its parent,
    and each page that it so writes to is its own from then on. With no gaps left it begins new
    pools, and packs them densely: that saves each of many workers a dozen pages and more.
    """
    filling: list[object] = []
    for size, make in _makers():
        first = 0
        for _ in range(_MOST_BYTES // size):
            filling.append(make())
            at = id(filling[-1])
            if first and at == first + size:
                break  # a pool's first two blocks in turn: it is new, and there was no gap any more
            first = at if at % _POOL_BYTES == _POOL_HEADER else 0
    return filling
