"""Commands write in one place, where nothing reaches the terminal that it would obey."""

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import otpy.cli
from otpy.cli.output import report
from otpy.cli.render import Column, plain, record, table, to_json
from otpy.cli.show import show, show_screen, show_styled
from otpy.errors import ProcessDown

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\nforged"


def test_commands_write_nowhere_else() -> None:
    place = Path(otpy.cli.__file__).parent
    writers = {
        file.name
        for file in place.glob("*.py")
        if re.search(r"click\.s?echo|\bprint\(|std(out|err)\.write", file.read_text())
    }
    assert writers == {"show.py"}


@pytest.mark.parametrize("write", [show, show_styled])
def test_text_is_escaped(write: object) -> None:
    command = click.Command("it", callback=lambda: write(EVIL))  # type: ignore[operator]
    output = CliRunner().invoke(command, color=True).output
    assert output == "\\x1b]0;title\\x07\\x1b[2J\\x9b31m\nforged\n"


def test_only_a_whole_screen_moves_the_cursor(capfd: pytest.CaptureFixture[str]) -> None:
    show_screen("table \x1b[2J")
    assert "\x1b[2J" not in capfd.readouterr().out


def test_tables_and_records_are_escaped_and_keep_their_lines() -> None:
    assert len(table([Column("A"), Column("B")], [(EVIL, "b"), ("c", EVIL)]).splitlines()) == 3
    assert record({"reason": EVIL, EVIL: "x"}).count("\n") == 1


def test_a_reply_keeps_its_lines_and_json_is_exact() -> None:
    assert plain("two\nlines\x1b[m") == "two\nlines\\x1b[m"
    assert to_json("\x9b\x7f") == '"\\u009b\\u007f"'


def test_an_error_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert report(ProcessDown(f"error: ValueError: {EVIL}", ""), as_json=False) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)
