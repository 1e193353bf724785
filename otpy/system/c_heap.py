"""The heap of the C library, before processes are forked that share it."""

import ctypes
from typing import Final

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
