"""Gaps in memory that is about to be shared."""

import subprocess
import sys

from otpy.system.allocator import fill_partial_pools

IN_A_MEMORY_FULL_OF_GAPS = """
from otpy.system.allocator import fill_partial_pools
there = [[bytes(size) for _ in range(300)] for size in (15, 100, 367)]
for each in there:
    del each[::3]
filling = fill_partial_pools()
for size in (15, 100, 367):
    at = [id(each) for each in [bytes(size) for _ in range(9)]]
    print(sum(after - before == (size + 33 + 15) // 16 * 16 for before, after in zip(at, at[1:])))
"""


def test_what_fills_the_gaps_is_bounded() -> None:
    filling = fill_partial_pools()
    sizes = {sys.getsizeof(each) for each in filling}
    assert min(sizes) == 16
    assert max(sizes) == 512
    assert sum(map(sys.getsizeof, filling)) <= 32 * (1 << 16)


def test_what_is_made_next_lies_side_by_side() -> None:
    command = [sys.executable, "-c", IN_A_MEMORY_FULL_OF_GAPS]
    found = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    # Where something was given back meanwhile, as the environment's size has it, there are gaps
    # again; without what fills them none of the eight is where the one before it ends.
    assert all(5 <= int(neighbours) <= 8 for neighbours in found), found
