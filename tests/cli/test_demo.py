"""The demo holds, and would say so if it did not."""

import os
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import psutil
import pytest

from tests.cli.commands import CONFIGS, Run
from tests.support.processes import DEADLINE_S


def test_every_step_of_the_demo_holds(otpy: Run) -> None:
    before = psutil.Process().children(recursive=True)
    shown = otpy("demo")
    assert (shown.status, shown.err) == (0, "")
    for number in range(1, 11):
        assert f"\n{number}. " in f"\n{shown.out}"
    assert "ProcessDown: error: ZeroDivisionError" in shown.out
    assert "✓ processes left: 0" in shown.out
    assert "Every step held." in shown.out
    assert psutil.Process().children(recursive=True) == before


def test_the_script_shows_the_same() -> None:
    script = Path(__file__).parents[2] / "scripts" / "demo.py"
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert "Every step held." in shown.stdout


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_a_demo_that_is_ended_early_leaves_nothing(number: int, status: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "otpy", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        while "is up" not in demo.stdout.readline():
            pass
        demo.send_signal(signal.SIGSTOP)  # so that all that it has can be noted
        descendants = psutil.Process(demo.pid).children(recursive=True)
        assert len(descendants) >= 3
        demo.send_signal(number)
        demo.send_signal(signal.SIGCONT)
        assert demo.wait() == status
        assert demo.stderr is not None
        assert demo.stderr.read() == ""
    _, alive = psutil.wait_procs(descendants, timeout=DEADLINE_S)
    assert alive == []


def test_the_demo_comes_with_the_tree_that_newcomers_see() -> None:
    ours = resources.files("otpy.cli") / "counter.yaml"
    assert ours.read_text() == (CONFIGS / "counter.yaml").read_text()


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (("id: counter", "id: abacus"), "step 3 of the demo does not hold: NoProcess: "),
        (("args: [0]", "args: [3]"), "step 3 of the demo does not hold: expected the reply: 5"),
        (
            ("max_restarts: 3", "max_restarts: 0"),
            "step 4 of the demo does not hold: `otpy run` ended",
        ),
        (("strategy: one_for_one", "strategy: one_for_two"), "`otpy run` ended with status 2"),
    ],
)
def test_a_step_that_does_not_hold_is_one_line_and_status_1(
    otpy: Run,
    tmp_path: Path,
    edit: tuple[str, str],
    complaint: str,
) -> None:
    file = tmp_path / "counter.yaml"
    file.write_text((CONFIGS / "counter.yaml").read_text().replace(*edit))
    before = psutil.Process().children(recursive=True)
    ended = otpy("demo", file)
    assert ended.status == 1
    assert ended.err.startswith(f"otpy: {complaint}")
    assert ended.err.count("\n") == 1
    assert psutil.Process().children(recursive=True) == before
    assert "OTPY_DIR" not in os.environ
