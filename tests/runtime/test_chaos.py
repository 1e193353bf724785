"""A short run of `scripts/chaos.py`: every kind of process is killed, and every answer checked."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_was_promised_holds_while_everything_is_killed() -> None:
    """6.10."""
    command = [sys.executable, "scripts/chaos.py", "--kills", "60", "--seed", "1", "--seconds", "8"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| operations: answered" in done.stdout
