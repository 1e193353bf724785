"""The allocators of the C library and of Python, as otpy's processes have to treat them."""

import contextlib
from typing import Final

_MOST: Final = 4 << 20
"""The memory of larger bodies may go back to the kernel each time."""

_raised = 0

_CLASSES: Final = range(48, 513, 16)
"""The sizes of the blocks of Python's allocator that a `bytes` fits into exactly."""
_BYTES_HEADER: Final = 33
_POOL_BYTES: Final = 1 << 14
_FIRST_BLOCK: Final = 48
"""Where the first block of a pool is, behind its header (Objects/obmalloc.c)."""
_MOST_BYTES: Final = 1 << 17
"""Of each size, should the allocator be another one (PYTHONMALLOC)."""

_filling: list[bytes] = []


def fill_pools() -> None:
    """Use up the free blocks in the pools that Python's allocator has begun.

    What is forked from this process then makes its own objects in pools of its own, side by side,
    and not in what is free here and there on pages that it could share.
    """
    for size in _CLASSES:
        last = 0
        for _ in range(_MOST_BYTES // size):
            block = bytes(size - _BYTES_HEADER)
            _filling.append(block)
            if id(block) == last + size and last % _POOL_BYTES == _FIRST_BLOCK:
                break  # the second of a fresh pool: those before are full
            last = id(block)


def raise_mmap_threshold(size: int) -> None:
    """Have the allocator keep the memory of bodies of `size` bytes for the next ones.

    glibc gives what is free at the end of its heap back to the kernel, unless it is less than twice
    the largest block that has been freed before (mallopt(3), M_MMAP_THRESHOLD); and to get it anew,
    page by page, takes longer than all else that is done with a body. So a block is freed, in which
    there was never anything, large enough for a body, what is made of it, and as much again. To set
    the threshold itself would end its growing by what else the process frees.
    """
    global _raised  # noqa: PLW0603  # the allocator is the process's
    if _raised < size <= _MOST:
        _raised = size
        with contextlib.suppress(MemoryError):
            bytes(4 * size)
