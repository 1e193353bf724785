"""Import what the modules of workers import, before anything is forked.

What a worker imports itself lies on pages of its own. The node imports this first of all: what
belongs together then lies together.
"""

import otpy

for _name in (*otpy.__all__, "sys"):
    getattr(otpy, _name)
