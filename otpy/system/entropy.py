"""Random numbers of the kernel's: for what needs few, and not the megabyte of `random`."""

import os


def random_fraction() -> float:
    """Return a random number from 0 to 1."""
    return int.from_bytes(os.urandom(2)) / 0xFFFF
