"""A short run of `scripts/chaos.py`: every kind of process is killed, and every answer checked."""

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from scripts.chaoslib.judge import Judge
from scripts.chaoslib.node import Node
from scripts.chaoslib.phases import Phases
from scripts.chaoslib.tally import Tally

ROOT = Path(__file__).parents[2]


def test_what_was_promised_holds_while_everything_is_killed() -> None:
    """6.10."""
    command = [sys.executable, "scripts/chaos.py", "--kills", "60", "--seed", "1", "--seconds", "5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| operations: answered" in done.stdout


@pytest.mark.parametrize(("bytes_a_kill", "violations"), [(0, 0), (200, 1)])
def test_what_leaks_while_it_is_spared_is_found(bytes_a_kill: int, violations: int) -> None:
    tally, phases = Tally(), Phases(10_000)
    judge = Judge(cast(Node, None), tally, phases)
    for kills in range(0, 10_000, 50):
        # It starts again and again, but for the kills that spare it; its tables fill within 1,000.
        age = kills - 2000 if phases.spares_node(kills) else 0
        figure = 20_000 + min(age, 1000) + age * bytes_a_kill // 1024
        judge.note(kills, "gateway", "anonymous", figure)
    judge.judge_growth()
    assert tally.violated("growth") == violations
