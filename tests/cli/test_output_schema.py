"""What commands print with `--json` is what `otpy schema output` says of them (11.4)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from otpy.cli.app import cli
from otpy.cli.output_schema import commands, output_schema
from otpy.cli.terminal import Terminal
from tests.cli.commands import CONFIGS, Run, running

COMMANDS = cli.list_commands(click.Context(cli))
SCHEMA = output_schema()

TREE = """
name: t
children:
  - {id: a, start: "otpy.examples.counter:Counter"}
  - {id: b, start: "otpy.examples.counter:Counter", restart: temporary}
  - {id: c, command: [sleep, infinity], shutdown: brutal_kill}
  - {id: many, start: "otpy.examples.counter:Counter", instances: 2}
  - {id: bad, command: ["false"], ready: notify, max_restarts: 0, on_give_up: stay_down}
"""


def valid(command: str, printed: str) -> list[Any]:
    """Return the objects, all of which are as the schema of the command says."""
    validator = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{command}"}]})
    found = [json.loads(line) for line in printed.splitlines()]
    assert found, "nothing was printed"
    for each in found:
        validator.validate(each)
    return found


@pytest.fixture
def node(nowhere: Path) -> Iterator[Terminal]:
    file = nowhere / "t.yaml"
    file.write_text(TREE)
    with running(file, nowhere) as run:
        yield run


def test_it_is_a_schema_and_has_every_command() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert sorted(commands()) == sorted(cli.list_commands(click.Context(cli)))


def test_a_result_that_lacks_a_field_is_not_valid() -> None:
    """The schemas say something: they refuse what no command prints."""
    for command in COMMANDS:
        validator = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{command}"}]})
        assert not validator.is_valid([])
        assert not validator.is_valid({"ok": False})
        assert not validator.is_valid({"ok": False, "error": {"kind": "x"}})


IN_ORDER = [
    (["tree"], 0),
    (["status"], 1),
    (["status", "a"], 0),
    (["status", "a", "bad", "c"], 1),
    (["status", "--boot"], 0),
    (["status", "a", "nobody"], 3),
    (["top", "--once", "--interval", "10ms"], 0),
    (["pid", "--all"], 0),
    (["pid", "a", "bad"], 1),
    (["events"], 0),
    (["events", "nobody"], 3),
    (["why", "bad", "a", "@node"], 0),
    (["why", "--all"], 0),
    (["why", "nobody"], 3),
    (["logs"], 0),
    (["call", "a", "increment", "1"], 0),
    (["call", "a", "x"], 1),
    (["cast", "a", "increment", "1"], 0),
    (["state", "a", "b"], 0),
    (["state", "c"], 3),
    (["replace-state", "a", "count=5"], 0),
    (["replace-state", "a", "x=5"], 1),
    (["suspend", "a"], 0),
    (["suspend", "a", "b"], 0),
    (["resume", "a", "b"], 0),
    (["resume", "a"], 0),
    (["garbage-collect", "a", "b"], 0),
    (["stack", "a", "b"], 0),
    (["wait", "a", "root"], 0),
    (["wait", "nobody", "--gone"], 0),
    (["wait", "bad"], 1),
    (["wait", "a", "--gone", "--timeout", "10ms"], 4),
    (["restart", "a", "c"], 0),
    (["restart", "bad"], 1),
    (["start", "a"], 0),
    (["start", '{"id": "new", "start": "otpy.examples.counter:Counter"}'], 0),
    (["stop", "new", "b"], 0),
    (["stop", "new", "b"], 0),
    (["terminate", "new"], 0),
    (["delete", "new"], 0),
    (["delete", "new", "a"], 1),
    (["plan"], 0),
    (["kill", "c", "-s", "CONT"], 0),
    (["kill", "new"], 3),
    (["trace", "nobody"], 3),
    (["scale", "many=3"], 0),
    (["scale", "many=3", "a=2"], 1),
    (["plan"], 0),
    (["plan", "--exit-code"], 1),
    (["reload"], 0),
    (["plan", "--exit-code"], 0),
    (["reload"], 0),
]
"""Each finds what the one before has done."""


def test_of_a_node(otpy: Run, node: Terminal) -> None:
    node.show_until("bad: FAILED")
    for words, status in IN_ORDER:
        printed = otpy(*words, "--json")
        assert (words, printed.status, printed.err) == (words, status, ""), printed.out
        *_, last = valid(words[0], printed.out)
        if words[0] not in ("events", "logs"):
            assert last["ok"] is (status == 0)


QUIETLY: dict[str, Callable[[Path], list[object]]] = {
    "init": lambda folder: [folder],
    "import": lambda folder: [folder / "Procfile"],
    "check": lambda folder: [CONFIGS / "counter.yaml"],
    "schema": lambda folder: [],
    "export": lambda folder: ["systemd", CONFIGS / "counter.yaml", "-o", folder / "unit"],
    "completion": lambda folder: ["bash"],
}


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", QUIETLY)
def test_of_no_node(otpy: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "Procfile").write_text("web: sleep 9\n")
    for _ in range(2):  # what is so already is no failure
        printed = otpy(command, "--json", *QUIETLY[command](tmp_path))
        assert (printed.status, printed.err) == (0, "")
        valid(command, printed.out)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_command_line_is_an_object(otpy: Run, command: str) -> None:
    printed = otpy(command, "--jsn", "--json")
    assert (printed.status, printed.err) == (2, "")
    (found,) = valid(command, printed.out)
    assert found["error"]["kind"] == "usage"


def test_of_what_ends_the_node(otpy: Run, nowhere: Path) -> None:
    file = nowhere / "t.yaml"
    file.write_text(TREE)
    with running(file, nowhere) as run:
        assert valid("shutdown", otpy("shutdown", "--json").out)[0]["result"]["did"] == "stopped"
        assert run.wait() == 0
    assert valid("shutdown", otpy("shutdown", "--json").out)[0]["result"]["did"] == "nothing"
    failed = otpy("run", nowhere / "none.yaml", "--json")
    assert valid("run", failed.out)[0]["error"]["kind"] == "SpecError"
