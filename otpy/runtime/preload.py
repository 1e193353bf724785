"""Import what the modules of workers import, before anything is forked.

What a worker imports itself lies on pages of its own. The node imports this first of all: what
belongs together then lies together.
"""

from typing import Final

import otpy

_OF_PROGRAMS: Final = {"run", "Table"}
"""What no worker uses, or few do, and what imports `subprocess` and much else."""

for _name in (*otpy.__all__, "sys"):
    if _name not in _OF_PROGRAMS:
        getattr(otpy, _name)
