"""The processes: they carry out what the core decides, and decide nothing."""

import otpy

# Every public name is imported before anything is forked: what a worker's module imports later
# lies on pages of that worker's own. And first of all: what belongs together stays together.
for _name in (*otpy.__all__, "sys"):
    getattr(otpy, _name)
