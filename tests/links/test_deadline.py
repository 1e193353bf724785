"""How long a call waits by default."""

import subprocess
import sys


def test_it_is_five_seconds() -> None:
    """In the tests it is more, for a busy machine: `tests.support.checked`."""
    script = "from otpy.links.deadline import DEFAULT_TIMEOUT_S; print(DEFAULT_TIMEOUT_S)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert printed.stdout == b"5.0\n"
