"""Memory that was freed is kept for the next large body, and not made anew page by page."""

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
