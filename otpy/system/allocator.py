"""The C library's allocator, as a process that reads large bodies has to treat it."""

import contextlib
from typing import Final

_MOST: Final = 4 << 20
"""The memory of larger bodies may go back to the kernel each time."""

_raised = 0


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
