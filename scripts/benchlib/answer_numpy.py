"""The same server, in a module that imports numpy."""

import numpy as np  # noqa: F401

from .answer import Pid

__all__ = ["Pid"]
