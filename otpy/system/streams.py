"""The three standard streams, which a program may be started without: ``otpy run FILE >&-``."""

import os
import sys
from typing import Final

_STDERR: Final = 2


def open_standard_streams() -> None:
    """Have descriptors 0 to 2, so that nothing else gets one of these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(fd, True)
    os.close(fd)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115  # a descriptor has no path
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115  # nor has this one
