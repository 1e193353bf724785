"""YAML text -> positions -> `SupervisorSpec`, or every mistake with its line."""

from otpy.config.data import child_from_data, child_to_data, copy_from_data, is_copy
from otpy.config.schema import json_schema
from otpy.config.tree import TreeConfig, load, load_data

__all__ = [
    "TreeConfig",
    "child_from_data",
    "child_to_data",
    "copy_from_data",
    "is_copy",
    "json_schema",
    "load",
    "load_data",
]
