"""What the shell offers on Tab."""

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Run, private_directory, running
from tests.support.processes import DEADLINE_S


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
    assert offered("kill", "@") == ["@gateway", "@logger"]
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
    assert offered("st") == ["status", "state", "stack", "start", "stop"]
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


EVIL = """ev;$(touch$IFS'pwned')|`touch$IFS"pwned"`,*!&<>\\~"""

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(otpy completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -u -D; eval "$(otpy completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "otpy completion fish | source"),
}


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a tree whose child's id is a program to any shell; give an empty folder to be in."""
    folder = tmp_path_factory.mktemp("evil")
    quoted = EVIL.replace("'", "''")
    file = folder.parent / "evil.yaml"
    file.write_text(f"children:\n- {{id: '{quoted}', command: [sleep, '100000']}}\n")
    with private_directory() as private, running(file, private):
        yield folder


class Typist:
    """A shell that somebody types into."""

    def __init__(self, shell: str, folder: Path) -> None:
        command, set_up = SHELLS[shell]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "TERM": "dumb", "HOME": str(folder.parent)}
        self._terminal, its = pty.openpty()
        # The fish shell wants a terminal that controls it.
        command = ["setsid", "--ctty", *command]
        self._process = subprocess.Popen(
            command, stdin=its, stdout=its, stderr=its, cwd=folder, env=env
        )
        os.close(its)
        self._shown = ""
        self._set_up = set_up

    def set_up(self) -> None:
        """Load the script."""
        self.type(f"{self._set_up}; printf 're%s\\n' ady\r")
        self.sees(r"ready\r?\n")

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def sees(self, pattern: str) -> "re.Match[str]":
        """Wait until it shows something."""
        until = time.monotonic() + DEADLINE_S
        while not (found := re.search(pattern, self._shown, re.DOTALL)):
            ready, _, _ = select.select([self._terminal], [], [], max(0, until - time.monotonic()))
            assert ready, self._shown
            self._shown += os.read(self._terminal, 1 << 16).decode()
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.mark.parametrize("shell", SHELLS)
def test_what_tab_inserts_is_one_word_and_no_program(shell: str, evil: Path) -> None:
    """5.7: Enter executed it."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    with contextlib.closing(Typist(shell, evil)) as typist:
        typist.set_up()
        # Tab, then the words as they stand there become the arguments of printf.
        typist.type("otpy pid e\t\x01printf '<%s>' \x05 'e'nd\r")
        assert typist.sees("<otpy><pid>(.*)<end>")[1] == f"<{EVIL}>"
    assert list(evil.iterdir()) == []


@pytest.mark.parametrize("begun", ["e", "'e", '"e', r"\e", ""])
def test_bash_finds_one_word_behind_a_quote_too(begun: str, evil: Path) -> None:
    quote = begun[:1] if begun[:1] in ("'", '"') else ""
    script = (
        'eval "$(otpy completion bash)"; COMP_WORDS=(otpy pid "$1"); COMP_CWORD=2; '
        'set +H; _otpy_completion otpy; for each in "${COMPREPLY[@]}"; do '
        'eval "words=($2$each$2)"; printf "%s %s\\n" "${#words[@]}" "${words[0]}"; done'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script, "bash", begun, quote],
        env={**os.environ, "PATH": path},
        cwd=evil,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    assert f"1 {EVIL}\n" in ended.stdout
    assert list(evil.iterdir()) == []
