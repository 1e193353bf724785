"""10.7: the key `log`: each wrong value in one line, and how it is passed down."""

import os

import pytest

from otpy.config import child_from_data, child_to_data
from otpy.core.log import Log, LogFile, LogFormat, LogTo
from otpy.core.placement import placed
from otpy.core.spec import ChildSpec, CommandStart, Inheritable, SupervisorSpec
from tests.config.folder import Folder, Told

ONE = "children:\n- id: a\n  command: [sh]\n  {field}\n"


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("log: 5", "4:8: log: got 5, expected null, inherit or a mapping such as {file: web.log"),
        ("log: web.log", "4:8: log: got 'web.log', expected null, inherit or a mapping"),
        ("log: {path: x}", "4:9: got the key 'path', expected one of file, format, max_size or"),
        ("log: {file: ''}", "4:15: file: got '', expected a path, absolute or relative to the tr"),
        ("log: {format: yaml}", "4:17: format: got 'yaml', expected text or json"),
        ("log: {max_size: 1KiB}", "4:19: max_size: got '1KiB', expected a size of 4KiB or more"),
        ("log: {max_size: true}", "4:19: max_size: got true, expected a size of 4KiB or more"),
        ("log: {keep: -1}", "4:15: keep: got -1, expected an integer from 0 to 1000"),
    ],
)
def test_a_wrong_value(told: Told, field: str, line: str) -> None:
    (mistake,) = told(ONE.replace("{field}", field))
    assert mistake.startswith(line)


@pytest.mark.parametrize(
    ("value", "log"),
    [
        (None, LogTo.NOWHERE),
        ("inherit", LogTo.INHERIT),
        ({}, LogFile()),
        (
            {"file": "/w.log", "format": "json", "max_size": "1MiB", "keep": 0},
            LogFile("/w.log", LogFormat.JSON, 1 << 20, 0),
        ),
    ],
)
def test_each_form_is_read_and_comes_back(value: object, log: Log) -> None:
    spec = child_from_data({"id": "a", "command": ["p"], "log": value})
    assert spec.log == log
    assert child_from_data(child_to_data(spec)) == spec
    assert "log" in child_to_data(spec)


def test_without_it_nothing_is_said() -> None:
    spec = child_from_data({"id": "a", "command": ["p"]})
    assert spec.log is None
    assert "log" not in child_to_data(spec)


def test_children_inherit_part_by_part(folder: Folder) -> None:
    tree = folder.load("""
log: {format: json, file: all.log}
children:
- {id: a, command: [sh]}
- {id: b, command: [sh], log: {keep: 2, file: /tmp/b.log}}
- {id: c, command: [sh], log: }
- id: d
  log: inherit
  children:
  - {id: e, command: [sh]}
  - {id: f, command: [sh], log: {format: text}}
""")
    found = {child.id: child.log for child in tree.spec.children}
    json = LogFormat.JSON
    assert found["a"] == LogFile(str(folder.path / "all.log"), json)
    assert found["b"] == LogFile("/tmp/b.log", json, None, 2)
    assert found["c"] is LogTo.NOWHERE
    below = tree.spec.children[3].start
    assert isinstance(below, SupervisorSpec)
    assert [child.log for child in below.children] == [
        LogTo.INHERIT,
        LogFile(format=LogFormat.TEXT),
    ]
    added = placed(ChildSpec("g", CommandStart(("sh",))), below, "/x")
    assert added.log is LogTo.INHERIT


def test_a_pattern_of_output_that_is_not_read_is_refused(folder: Folder) -> None:
    text = """
log: inherit
children:
- {id: a, command: [sh], ready: {log: up}}
- {id: b, command: [sh], ready: {log: up}, log: null}
- {id: c, command: [sh], ready: notify}
"""
    (line,) = folder.mistakes(text, check_imports=True)
    expected = "another sign: with log: inherit no process of otpy's reads its output"
    assert line == f"4:39: log: got 'up', expected {expected}"


def test_a_path_that_is_absolute_stays() -> None:
    above = Inheritable(log=LogFile(keep=1))
    spec = ChildSpec("a", CommandStart(("sh",)), log=LogFile("w.log"))
    assert placed(spec, above, "/x/").log == LogFile("/x/w.log", keep=1)
    assert LogFile("/w.log").in_folder("/x") == LogFile("/w.log")


def test_a_file_that_cannot_be_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write("plain", "")
    (folder.path / "inside").mkdir()
    os.mkfifo(folder.path / "pipe")
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: "locked" not in str(path) and allowed(path, mode)
    )
    folder.write("locked", "")
    (folder.path / "locked-folder").mkdir()
    for file, expected in {
        "inside": "a file, not a directory",
        "inside/": "a file, not a directory",
        "missing/w.log": "a file in a directory that exists",
        "plain/w.log": "a file that can be written: Not a directory",
        "pipe": "a regular file, or none",
        "locked": "a file that this node may write",
        "locked-folder/w.log": "a file in a directory that may be written",
    }.items():
        where = os.path.join(folder.path, file)  # noqa: PTH118  # keeps the slash at the end
        text = ONE.replace("{field}", f"log: {{file: {file}}}")
        (line,) = folder.mistakes(text, check_imports=True)
        assert line == f"4:15: file: got '{file}' ({where}), expected {expected}"
    good = ONE.replace("{field}", "log: {file: inside/w.log}")
    assert folder.mistakes(good, check_imports=True) == []
    above = "log: {file: /}\nchildren: [{id: a, command: [sh]}]\n"
    (line,) = folder.mistakes(above, check_imports=True)
    assert line == "1:13: file: got '/', expected a file, not a directory"
