"""The names of CPython's own that otpy leans on: each is, and does, what it was.

They are few, and all in `otpy/system/python_end.py`, beside the functions of `_signal`, which the
module `signal` wraps. A Python that changes one of them is named
here, and not by a worker that ends without its callbacks.
"""

import subprocess
import sys

import pytest

CHANGED = f"has changed in Python {sys.version.split()[0]}: mend otpy/system/python_end.py"

BEHAVIOURS = {
    "multiprocessing.util._run_finalizers": """
from multiprocessing import util
util.Finalize(None, print, ("finalized",), exitpriority=0)
util._run_finalizers()
print("once")
util._run_finalizers()
""",
    "multiprocessing.util._exit_function": """
import atexit
from multiprocessing import util
util.Finalize(None, print, ("never",), exitpriority=0)
atexit.register(print, "once")
print("finalized")
atexit.unregister(util._exit_function)
""",
    "atexit._run_exitfuncs": """
import atexit
atexit.register(print, "once")
atexit.register(print, "finalized")
atexit._run_exitfuncs()
""",
}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_private_name_does_what_it_did(name: str) -> None:
    command = [sys.executable, "-c", BEHAVIOURS[name]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{name} {CHANGED}\n{ended.stderr}"
    assert ended.stdout.split() == ["finalized", "once"], f"{name} {CHANGED}"
