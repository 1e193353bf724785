"""The same server, in a module that imports numpy, where that is installed."""

from importlib import import_module

from .answer import Pid

import_module("numpy")

__all__ = ["Pid"]
