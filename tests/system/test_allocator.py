"""Memory that was freed is kept for large bodies; what is forked has its objects side by side."""

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from otpy.system.allocator import raise_mmap_threshold
size = 2 << 20
source = b"x" * size
def bodies():
    return bytes(memoryview(source)), bytearray(size), bytes(size)
if sys.argv[1:] == ["raised"]:
    raise_mmap_threshold(size)
for _ in range(4):
    bodies()  # the first ones get the memory
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bodies()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str) -> int:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_bodies_of_a_size_lie_in_the_same_memory() -> None:
    assert faults("raised") * 10 < faults()


SIDE_BY_SIDE = """
import sys
from otpy.system.allocator import fill_pools
holes = [bytes(size) for size in range(100, 400, 3) for _ in range(50)]
del holes[::2]
if sys.argv[1:] == ["filled"]:
    fill_pools()
rows = 0
for size in range(48, 513, 16):
    made = [bytes(size - 33) for _ in range(10)]
    rows += all(id(b) - id(a) == size for a, b in zip(made, made[1:]))
print(rows)
"""


HALF = 15


def rows(*arguments: str) -> int:
    """Return for how many of 30 sizes of objects ten new ones were made side by side."""
    command = [sys.executable, "-c", SIDE_BY_SIDE, *arguments]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="of CPython's allocator")
def test_with_full_pools_new_objects_are_side_by_side() -> None:
    # Not for all sizes: a pool may end within ten blocks.
    assert rows("filled") - rows() >= HALF


AT_THE_END = """
import sys
from otpy.system.c_heap import fill_heap
holes = [bytes(1000 + size) for size in range(0, 60_000, 600) for _ in range(3)]
lowest = min(map(id, holes))
del holes[::2]
end = max(map(id, holes))
if sys.argv[1:] == ["filled"]:
    fill_heap()
made = [bytes(size) for size in range(1000, 60_000, 700)]
print(sum(lowest < id(each) < end for each in made))
"""


def in_holes(*arguments: str) -> int:
    """Return how many of 85 blocks were made in holes of the heap."""
    command = [sys.executable, "-c", AT_THE_END, *arguments]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_with_a_full_heap_new_blocks_are_at_its_end() -> None:
    half = 42
    assert in_holes() > half
    assert in_holes("filled") == 0
