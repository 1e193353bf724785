"""Waiting for the system to have descriptors again, before there is a loop to wait in."""

import os
import select
from typing import Final

from otpy.system.descriptor import Descriptor, close_all
from otpy.system.warnings import warn_once

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 1.0


def wait_for_descriptors(count: int, parent: Descriptor) -> bool:
    """Wait until `count` descriptors can be opened.

    Args:
        count: How many a process needs to begin with.
        parent: Of the pipe to the process that has forked this one.

    Returns:
        Whether they can: False if the parent has said something, or has gone, meanwhile.
    """
    word = select.poll()
    word.register(parent, select.POLLIN)
    pause = _FIRST_PAUSE_S
    while (refusal := _refusal(count)) is not None:
        warn_once("descriptors", f"cannot begin: {refusal}; trying again until that is possible")
        if word.poll(pause * 1000):
            return False
        pause = min(2 * pause, _LONGEST_PAUSE_S)
    return True


def _refusal(count: int) -> OSError | None:
    opened: list[Descriptor] = []
    try:
        opened.extend(Descriptor(os.dup(0)) for _ in range(count))
    except OSError as error:
        return error
    finally:
        close_all(opened)
    return None
