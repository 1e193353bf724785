"""The command `otpy` itself: help, version, node names, exit statuses, what is imported."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from otpy.cli.app import cli
from otpy.cli.terminal import Terminal
from tests.cli.commands import CONFIGS, Run, running

COMMANDS = cli.list_commands(click.Context(cli))


def test_help_lists_every_command_in_whole_sentences(otpy: Run) -> None:
    shown = otpy("--help")
    assert shown.status == 0
    for command in COMMANDS:
        (line,) = (x for x in shown.out.splitlines() if x.startswith(f"  {command} "))
        assert line.endswith("."), line
        assert not line.endswith("..."), line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(otpy: Run, command: str) -> None:
    shown = otpy(command, "--help")
    assert shown.status == 0
    assert shown.out.startswith(f"Usage: otpy {command} ")


def test_no_command_shows_the_help(otpy: Run) -> None:
    shown = otpy()
    assert shown.status == 2
    assert shown.out.startswith("Usage: otpy ")


def test_version(otpy: Run) -> None:
    assert otpy("--version").out == "otpy 0.1.0\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["tre"], "No such command 'tre'. Did you mean 'tree'? see `otpy --help`"),
        (
            ["--vrsion"],
            "No such option '--vrsion'. Did you mean one of: '--json', '--version'? see",
        ),
        (["staus"], "No such command 'staus'. Did you mean 'status'? see"),
        (["xyzzy"], "No such command 'xyzzy'; see `otpy --help`"),
        (["ps"], "No such command 'ps'. Did you mean 'status'? see `otpy --help`"),
        (["pid"], "name processes, or say --all; see `otpy pid --help`"),
        (["tree", "--colour"], "No such option '--colour'; see `otpy tree --help`"),
        (["tree", "extra"], "Got unexpected extra argument (extra)"),
        (["-n"], "Option '-n' requires an argument"),
        (["kill", "x", "-s", "FOO"], "'FOO' is no signal"),
        (
            ["call", "x", "y", "--timeout", "0"],
            "'0' is no time span; expected 500ms, 1s, 2m or seconds above zero",
        ),
        (
            ["call", "x", "y", "--tmeout", "3"],
            "No such option '--tmeout' (to send it as a word, write -- before it)",
        ),
        (["start", "x", "{"], "SPEC is neither JSON"),
        (["start", '{"start": "m:f"}'], "SPEC is not a mapping with an id"),
        (["demo", "/nowhere.yaml"], "'/nowhere.yaml' does not exist"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
@pytest.mark.usefixtures("nowhere")
def test_a_wrong_command_line_is_one_line_and_status_2(
    otpy: Run, words: list[str], complaint: str
) -> None:
    told = otpy(*words)
    assert told.status == 2
    assert complaint in told.complaint


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    "words",
    [
        ["tree"],
        ["status"],
        ["status", "x"],
        ["pid", "x"],
        ["call", "x", "y"],
        ["cast", "x", "y"],
        ["kill", "x"],
        ["terminate", "x"],
        ["start", "x"],
        ["start", '{"id": "x"}'],
        ["restart", "x"],
        ["delete", "x"],
        ["events"],
        ["why", "x"],
        ["shutdown"],
    ],
)
def test_without_a_node_every_command_says_so(otpy: Run, words: list[str]) -> None:
    for named in ([], ["-n", "shop"]):
        told = otpy(*named, *words)
        assert told.status == 3
        assert "otpy run" in told.complaint


def test_the_node_is_named_before_the_command_or_after_it(
    otpy: Run, counter: Terminal, nowhere: Path, tmp_path: Path
) -> None:
    text = (CONFIGS / "counter.yaml").read_text()
    (tmp_path / "other.yaml").write_text(text.replace("counter-app", "other"))
    with running(tmp_path / "other.yaml", nowhere) as other:
        for words in (["-n", "other", "tree"], ["tree", "-n", "other"]):
            assert otpy(*words, "--json").data[0]["pid"] == other.node.pid
        last_wins = otpy("-n", "other", "tree", "--node", "counter-app", "--json")
        assert last_wins.data[0]["pid"] == counter.node.pid
        assert otpy("tree").complaint == (
            "2 nodes run: counter-app, other; pick one, as in `otpy -n counter-app tree`"
        )
    assert "these are: counter-app" in otpy("-n", "other", "tree").complaint


@pytest.mark.usefixtures("nowhere")
def test_a_directory_of_sockets_that_is_not_private_is_refused(
    otpy: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTPY_DIR", "/usr")
    told = otpy("tree")
    assert told.status == 1
    assert "OTPY_DIR" in told.complaint


def test_a_closed_stdout_is_no_failure_to_tell(counter: Terminal) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "otpy", "-n", "counter-app", "events"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert counter.node.is_running()


@pytest.mark.usefixtures("counter")
def test_a_full_disk_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "otpy", "tree"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, "otpy: No space left on device\n")


@pytest.mark.usefixtures("counter")
def test_ctrl_c_ends_quietly_with_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "otpy", "events", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert following.stdout.readline() != ""  # it is up, and follows
        following.send_signal(signal.SIGINT)
        _, complaint = following.communicate()
    assert (following.returncode, complaint) == (130, "")
