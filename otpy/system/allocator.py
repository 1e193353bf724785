"""The allocators of the C library and of Python, as otpy's processes have to treat them."""

import contextlib
import ctypes
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


_LARGEST: Final = 120 << 10
"""Blocks that are larger are no part of the heap (mallopt(3), M_MMAP_THRESHOLD)."""
_SMALLEST: Final = 24
"""What is smaller is Python's own allocator's."""
_MOST_BLOCKS: Final = 1 << 12


def fill_heap() -> None:
    """Use up the free blocks within the heap of the C library, if it is glibc.

    What is forked from this process then makes its tables, classes and code at the end of the heap,
    one behind the other, and not in holes on pages that it could share.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallinfo2"):
        _fill(libc, _end_of_heap(libc))


def _end_of_heap(libc: ctypes.CDLL) -> int:
    """Return where the free block at the end of the heap begins."""
    sizes = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

    class Mallinfo2(ctypes.Structure):
        _fields_ = tuple([(name, ctypes.c_size_t) for name in sizes.split()])

    libc.mallinfo2.restype = Mallinfo2
    libc.sbrk.restype = ctypes.c_size_t
    return int(libc.sbrk(0) - libc.mallinfo2().keepcost)


def _fill(libc: ctypes.CDLL, end: int) -> None:
    libc.malloc.restype = ctypes.c_size_t
    size = _LARGEST
    for _ in range(_MOST_BLOCKS):
        block = libc.malloc(ctypes.c_size_t(size))
        if not block or block >= end:  # there is no hole for it
            libc.free(ctypes.c_void_p(block))
            size -= max(1, size >> 8) << 4
            if size < _SMALLEST:
                break


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
