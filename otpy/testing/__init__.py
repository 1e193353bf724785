"""Tests of trees: real nodes, each in a directory of its own, of which nothing may be left.

The fixtures of pytest are in `otpy.testing.plugin`; `run` is for whatever is not a function's, such
as a fixture of a module, or for tests without pytest.
"""

from typing import TYPE_CHECKING

from otpy.exports import lazy_exports

if TYPE_CHECKING:
    from otpy.testing.node import NodeUnderTest
    from otpy.testing.nodes import LeftOver, run
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {"otpy.testing.node": ("NodeUnderTest",), "otpy.testing.nodes": ("LeftOver", "run")},
    )

__all__ = ["LeftOver", "NodeUnderTest", "run"]
