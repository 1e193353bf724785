"""The names of processes that ps and top show."""

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import os
from pathlib import Path
from otpy.system.proctitle import name_process

name_process("otpy: node with blanks")
print(Path("/proc/self/comm").read_text(), end="")
if not os.fork():
    os._exit(0)
os.wait()
"""


def test_a_name_with_blanks_makes_no_fork_warn_of_threads() -> None:
    """Python from 3.12 on takes a word of /proc/self/stat for the number of threads."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", _SCRIPT],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("otpy:node-with-\n", "")
