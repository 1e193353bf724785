"""Number 3: `otpy import`."""

import signal
import stat
from pathlib import Path
from typing import Final

import pytest
import yaml

from otpy.events import ChildStarted
from tests.cli.commands import Run
from tests.support.node import Nodes


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("supervisord.conf", "command=x", "supervisord.conf:1: is no line of an INI file"),
        ("process-compose.yaml", "a: [", "process-compose.yaml:1: is no YAML: "),
        ("process-compose.yaml", "a: 1", "process-compose.yaml: has no mapping of processes"),
        ("Procfile", "# nothing", "Procfile: has no line of a process, NAME: COMMAND"),
        ("x.toml", "a = 1", "x.toml: is none of supervisord, procfile, process-compose"),
        ("missing.conf", None, "missing.conf: cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_such_file_is_told_in_a_line(
    otpy: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    text: str | None,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(name).write_text(text)
    refused = otpy("import", name)
    assert refused.status == 2
    assert refused.complaint.startswith(message)


def test_the_command_prints_or_writes_and_overwrites_nothing(
    otpy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    Path("supervisord.conf").write_text(
        "[program:x]\ncommand=sleep 9\ndirectory=work\nserverurl=AUTO\n"
    )
    note = "supervisord.conf:4: serverurl: has no counterpart\n"
    printed = otpy("import", "supervisord.conf")
    assert (printed.status, printed.err) == (0, note)
    assert yaml.safe_load(printed.out)["children"][0]["cwd"] == "work"
    (tmp_path / "work").mkdir()
    written = otpy("import", "supervisord.conf", "-o", "sub/tree.yaml")
    assert (written.status, written.err) == (0, note)
    assert written.out == "wrote sub/tree.yaml; now: otpy check sub/tree.yaml\n"
    data = yaml.safe_load(Path("sub/tree.yaml").read_text())
    assert data["children"][0]["cwd"] == str(tmp_path / "work")
    assert otpy("check", "sub/tree.yaml").status == 0
    again = otpy("import", "supervisord.conf", "-o", "sub/tree.yaml")
    assert again.out == "sub/tree.yaml has that tree already; now: otpy check sub/tree.yaml\n"
    Path("sub/tree.yaml").write_text("mine: 1\n")
    refused = otpy("import", "supervisord.conf", "-o", "sub/tree.yaml")
    assert refused.complaint == "sub/tree.yaml is there already; nothing was written"


PROGRAMS: Final = """
[supervisord]
identifier=moved
environment=WHERE="%(here)s",WHO="everybody"

[program:last]
command=sh -c "trap 'echo asked >> stopped; exit 0' QUIT;
    echo $WHO $(umask) > started; sleep 1000 & wait"
directory=DIRECTORY
stopsignal=QUIT
umask=027
environment=WHO="last"
autorestart=true

[program:first]
command=sleep 1000
priority=1
"""


def test_an_imported_tree_runs_as_it_did(otpy: Run, nodes: Nodes) -> None:
    """In the order of the priorities, in its surroundings, and stopped by its signal."""
    conf = nodes.work / "supervisord.conf"
    conf.write_text(PROGRAMS.replace("DIRECTORY", str(nodes.work)))
    tree = nodes.work / "moved.yaml"
    imported = otpy("import", conf, "-o", tree)
    assert (imported.status, imported.err) == (0, "")
    node = nodes.run(tree)
    started = [event.path for event in node.seen(ChildStarted) if event.kind == "command"]
    assert started == ["first", "last"]
    file = nodes.work / "started"
    node.until(lambda: file.exists() and file.read_text(), "what it starts in")
    assert file.read_text() == "last 0027\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    node.send(signal.SIGTERM)
    assert node.wait() == 0
    assert (nodes.work / "stopped").read_text() == "asked\n"
