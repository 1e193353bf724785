"""Command lines that start nodes, in processes of their own, as a shell or a service runs them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.processes import DEADLINE_S

OTPY = (sys.executable, "-m", "otpy")


def command(*words: object) -> list[str]:
    """Return what runs a command line."""
    return [*OTPY, *map(str, words)]


def ended(*words: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command line to its end."""
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        stdin=subprocess.DEVNULL,
        **options,
    )


def facts(folder: Path) -> dict[str, Any]:
    """Read a node's `node.json`."""
    data: dict[str, Any] = json.loads((folder / "node.json").read_text())
    return data
