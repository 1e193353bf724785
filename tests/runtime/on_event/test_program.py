"""A program with an event on its stdin (10.9)."""

import signal
import time
from pathlib import Path

import pytest

from otpy.runtime.on_event.program import run_program
from tests.support.processes import DEADLINE_S


def test_it_reads_the_event(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert run_program(["sh", "-c", f"cat > {copy}"], b'{"event": 1}\n', DEADLINE_S) == ""
    assert copy.read_bytes() == b'{"event": 1}\n'


@pytest.mark.parametrize(
    ("argv", "wrong"),
    [
        (["true"], ""),
        (["sh", "-c", "exit 3"], "exit status 3"),
        (
            ["sh", "-c", "echo one; printf '\\033[2Jtwo\\n\\n' >&2; exit 3"],
            "exit status 3: \\x1b[2Jtwo",
        ),
        (["sh", "-c", "kill -9 $$"], "killed by signal 9"),
        (["no-such-program"], "cannot be executed: No such file or directory"),
        (["/dev/null"], "cannot be executed: Permission denied"),
        (["sh", "-c", "head -c 3000000 /dev/zero; exit 0"], ""),
        (["sh", "-c", "sleep 1000 & exit 0"], ""),
    ],
)
def test_what_is_wrong(argv: list[str], wrong: str) -> None:
    """Neither an unread stdin, nor a full pipe, nor what it leaves behind holds it up."""
    assert run_program(argv, b"x" * 1_000_000, DEADLINE_S) == wrong


@pytest.mark.parametrize(
    "script", ["sleep 1000", "yes", "sleep 1000 & wait", "exec >&- 2>&-; sleep 1000"]
)
def test_one_that_hangs_is_killed_with_its_group(script: str) -> None:
    began = time.monotonic()
    told = run_program(["sh", "-c", script], b"", 0.2)
    assert told == "did not end within 0.2 s, and was killed"
    assert time.monotonic() - began < DEADLINE_S


def test_it_inherits_no_signal_that_python_ignores() -> None:
    """What ignores others, such as SIGINT, starts these tests."""
    mask = sum(1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ))
    ignored = "0x$(sed -n 's/^SigIgn:[^0-9a-f]*//p' /proc/$$/status)"
    script = f"exit $(( ({ignored} & {mask}) != 0 ))"
    assert run_program(["sh", "-c", script], b"", DEADLINE_S) == ""
