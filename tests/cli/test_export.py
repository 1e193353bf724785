"""`otpy export systemd`: a unit that systemd takes, and what it says of the tree (11.2)."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from otpy.cli.systemd_unit import BadUnit, Unit, unit_text
from otpy.config import load
from tests.cli.commands import Run
from tests.support.node import Nodes
from tests.support.processes import await_end
from tests.support.service_manager import ServiceManager, exec_start

TREE = """
name: web
children:
  - {id: a, command: [sleep, "1000"], shutdown: 7s}
  - id: below
    children:
      - {id: b, command: [sleep, "1000"], shutdown: brutal_kill}
      - {id: c, command: [sleep, "1000"], shutdown: 3s}
"""
ODD = 'it\'s 100% "odd"; $HOME \\ a'


def unit_of(file: Path, **fields: object) -> dict[str, str]:
    """Return the settings of a tree's unit."""
    config = load(file, check_imports=False)
    given = {
        "name": config.name,
        "spec": config.spec,
        "command": ["/opt/otpy", "run", config.path],
        "folder": "/srv",
        "for_user": False,
        "account": None,
        "environment": {},
    }
    text = unit_text(Unit(**{**given, **fields}))  # type: ignore[arg-type]
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def verify(text: str, folder: Path, *options: str) -> None:
    """Let systemd read a unit."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    unit = folder / "otpy-web.service"
    unit.write_text(text)
    read = subprocess.run(
        ["systemd-analyze", *options, "verify", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_RUNTIME_DIR": str(folder), "PATH": "/usr/bin:/bin"},
    )
    assert (read.returncode, read.stderr) == (0, "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / ODD
    folder.mkdir()
    file = folder / "tree.yaml"
    file.write_text(TREE)
    return file


def test_the_unit_says_what_the_tree_needs(file: Path) -> None:
    unit = unit_of(file)
    assert unit["Type"] == "notify"
    assert unit["KillMode"] == "mixed"
    assert unit["TimeoutStopSec"] == "40"  # 7 + 0 + 3, and what the node needs itself
    assert unit["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert unit["WantedBy"] == "multi-user.target"
    assert "User" not in unit
    file.write_text(TREE.replace("3s", "infinity"))
    assert unit_of(file)["TimeoutStopSec"] == "infinity"


def test_it_runs_as_the_user_that_is_named(file: Path, otpy: Run) -> None:
    unit = unit_of(file, account="shop")
    assert unit["User"] == "shop"
    assert unit["RuntimeDirectory"] == "otpy-web"
    assert unit["Environment"] == '"OTPY_DIR=%t/otpy-web"'
    wrong = otpy("export", "systemd", file, "--user", "--run-as", "shop")
    assert wrong.status == 2


def test_words_are_read_as_they_are_written(file: Path) -> None:
    unit = unit_of(file, folder=str(file.parent), environment={"A": '50% of "x" $y'})
    assert unit["WorkingDirectory"] == str(file.parent).replace("%", "%%")
    assert unit["Environment"] == r'"A=50%% of \"x\" $y"'
    assert exec_start(unit["ExecStart"]) == ["/opt/otpy", "run", str(file)]
    with pytest.raises(BadUnit):
        unit_of(file, folder="/srv/new\nline")


@pytest.mark.parametrize("options", [(), ("--user",)], ids=["system", "user"])
def test_systemd_takes_the_unit(
    file: Path,
    otpy: Run,
    tmp_path: Path,
    options: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(file.parent)
    printed = otpy("export", "systemd", file, *options)
    assert (printed.status, printed.err) == (0, "")
    verify(printed.out, tmp_path, *options)

    output = tmp_path / "written.service"
    assert otpy("export", "systemd", file, "-o", output, *options).status == 0
    assert output.read_text() == printed.out
    assert otpy("export", "systemd", file, "-o", output, *options).status == 0
    output.write_text("another")
    assert "is there already" in otpy("export", "systemd", file, "-o", output).complaint


def test_a_wrong_tree_has_no_unit(file: Path, otpy: Run) -> None:
    file.write_text("children: [{id: a}]")
    wrong = otpy("export", "systemd", file)
    assert (wrong.status, wrong.out) == (2, "")


STUBBORN = """
name: web
children:
  - {id: a, command: [sh, -c, "trap '' TERM; while :; do sleep 1000; done"], shutdown: 300ms}
  - id: left
    command: [sh, -c, "(setsid sleep 1000 &); exec sleep 1000"]
"""


def test_a_service_manager_starts_watches_and_stops_it(nodes: Nodes, otpy: Run) -> None:
    """A stand-in for systemd that speaks its protocol runs the unit's ExecStart."""
    file = nodes.write(STUBBORN)
    lines = otpy("export", "systemd", file).out.splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line)
    with ServiceManager(watchdog_s=1.0) as manager:
        main = manager.start(exec_start(unit["ExecStart"]))
        manager.until("READY", "1")
        assert manager.said["STATUS"] == "2 of 2 ready"
        manager.until("WATCHDOG", "1", times=2)
        manager.stop()  # as KillMode=mixed has it
        assert main.wait() == 0
        assert manager.said["STOPPING"] == "1"
        manager.until("STATUS", "stopped: in order")
        nodes.gone()

        main = manager.start(exec_start(unit["ExecStart"]))
        manager.until("READY", "1")
        main.send_signal(signal.SIGKILL)
        assert await_end(main.pid)
        main.wait()
        for pid in nodes.processes():  # as systemd does with what is left in the control group
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        nodes.gone()
    for left in ("node.json", "control.sock"):
        (nodes.place / "web" / left).unlink()  # the next run does that
