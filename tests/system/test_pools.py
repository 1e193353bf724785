"""Gaps in memory that is about to be shared."""

import sys

from otpy.system.pools import fill_pools


def test_what_fills_the_gaps_is_bounded() -> None:
    filling = fill_pools()
    sizes = {sys.getsizeof(each) for each in filling}
    assert min(sizes) == 16
    assert max(sizes) == 512
    assert sum(map(sys.getsizeof, filling)) <= 32 * (1 << 16)


def test_what_is_made_next_lies_side_by_side() -> None:
    filling = fill_pools()
    made = [bytes(400 - 33) for _ in range(8)]
    pages = {id(each) >> 14 for each in made}
    assert len(pages) <= 2, "nothing but new pools should have had room"
    del filling
