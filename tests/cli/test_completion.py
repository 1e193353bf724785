"""What the shell offers on Tab."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Run


def offered(*words: str) -> list[str]:
    """Ask as bash's completion function does; the last word is the one begun."""
    env = {
        **os.environ,
        "_OTPY_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("otpy", *words)),
        "COMP_CWORD": str(len(words)),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "otpy"], env=env, capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    return [line.partition(",")[2] for line in ended.stdout.split()]


@pytest.mark.usefixtures("shop")
def test_names_of_children_are_asked_of_the_node() -> None:
    assert offered("pid", "s") == ["sales"]
    assert offered("call", "counters/") == ["counters/visitors", "counters/sales"]
    assert offered("kill", "@") == ["@gateway"]
    assert offered("-n", "shop", "restart", "mail") == ["mailroom"]
    assert offered("restart", "-n", "shop", "mail") == ["mailroom"]
    assert offered("restart", "-n", "nobody", "mail") == []


@pytest.mark.usefixtures("shop")
def test_names_of_nodes_are_offered() -> None:
    assert offered("-n", "") == ["shop"]
    assert offered("tree", "-n", "x") == []


@pytest.mark.usefixtures("nowhere")
def test_nothing_is_offered_and_nothing_said_when_no_node_runs() -> None:
    assert offered("pid", "") == []
    assert offered("-n", "") == []


@pytest.mark.usefixtures("nowhere")
def test_commands_signals_and_options_are_offered() -> None:
    assert offered("st") == ["status", "state", "stack", "start"]
    assert offered("kill", "x", "SIGTE") == ["SIGTERM"]
    assert offered("kill", "x", "te") == ["TERM"]
    assert offered("tree", "--j") == ["--json"]
    assert offered("completion", "") == ["bash", "zsh", "fish"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_what_the_shell_reads(otpy: Run, shell: str, tmp_path: Path) -> None:
    script = otpy("completion", shell)
    assert script.status == 0
    assert "_OTPY_COMPLETE" in script.out
    if shutil.which(shell):
        file = tmp_path / "script"
        file.write_text(script.out)
        subprocess.run([shell, "-n", file], check=True)
