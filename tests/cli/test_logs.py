"""`otpy logs`: from files alone."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from otpy.wire.log_files import INDEX, OtherFile, index_line
from otpy.wire.log_record import LogRecord, parse_json, stamp
from tests.cli.commands import Run
from tests.cli.test_completion import offered
from tests.logs.writing import MOMENT, append, append_to, logged, record, rotate

NOW = datetime.now().astimezone()


@pytest.fixture
def folder(nowhere: Path) -> Path:
    """The log of a node that does not run."""
    folder = nowhere / "shop" / "log"
    folder.mkdir(parents=True, mode=0o700)
    for place in (nowhere, nowhere / "shop"):
        place.chmod(0o700)
    append(folder, RECORDS)
    own = nowhere / "own.log"
    append_to(own, OWN, as_json=True)
    (folder / INDEX).write_bytes(index_line(OtherFile("pool/b", str(own))))
    return folder


RECORDS = [
    record("pool/a", 0, "first"),
    record("pool/a", 2, "after a crash", 2),
    logged("pool/a", 3, "failed\nValueError: no", "ERROR", incarnation=2),
    record("@node", 1, "is up", stream="log", level="INFO", logger="otpy"),
    record("c", 5, "\x1b[31mred\x1b[0m \x1b[2J", stream="err"),
]
OWN = [record("pool/b", 4, "own file", fields={"order": 7})]


def heads(out: str) -> list[str]:
    return [line.split(" ", 2)[2] for line in out.splitlines()]


LINES = [
    "out | first",
    "log INFO otpy | is up",
    "out | after a crash",
    "log ERROR shop.orders | failed",
    "log ERROR shop.orders + ValueError: no",
    "out | own file",
    'out = {"order":7}',
    r"err | red \x1b[2J",
]


@pytest.mark.usefixtures("folder")
def test_all_is_printed_in_order_of_time(otpy: Run) -> None:
    done = otpy("logs")
    assert (done.status, done.err) == (0, "")
    assert heads(done.out) == LINES
    assert done.out.startswith(f"{stamp(MOMENT)} pool/a.1 out | first\n")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("a", [0, 2, 3, 4]),
        ("pool", [0, 2, 3, 4, 5, 6]),
        ("pool/b c", [5, 6, 7]),
        ("p*/[ab]", [0, 2, 3, 4, 5, 6]),
        ("@node", [1]),
        ("--last 2", [5, 6, 7]),
        ("--lines 3 pool", [2, 3, 4, 5, 6]),
        ("--last 0", []),
        ("--grep ValueError", [3, 4]),
        ("--grep ^f", [0, 3, 4]),
        ("--grep ERROR --last 1", [3, 4]),
        ("--grep nothing", []),
        ("--previous", [0]),
        ("--previous c", []),
        (f"--since {stamp(MOMENT + 4)}", [5, 6, 7]),
        (f"--until {stamp(MOMENT + 1)}", [0, 1]),
        ("-n shop c", [7]),
    ],
)
def test_a_part_is_chosen(otpy: Run, words: str, lines: list[int]) -> None:
    done = otpy("logs", *words.split())
    assert (done.status, done.err) == (0, "")
    assert heads(done.out) == [LINES[number] for number in lines]


@pytest.mark.usefixtures("folder")
def test_json_has_all_of_each_record(otpy: Run) -> None:
    done = otpy("logs", "--json")
    found = [parse_json(line.encode()) for line in done.out.splitlines()]
    assert found == sorted([*RECORDS, *OWN], key=lambda each: each.time)
    assert json.loads(done.out.splitlines()[-2])["order"] == 7
    assert "\x1b" not in done.out


def test_what_is_no_record_is_printed_safely(otpy: Run, folder: Path) -> None:
    (folder / "pool%2Fa.log.1").write_bytes(b"torn \x1b[2J\xff\n")
    assert otpy("logs", "a").out.splitlines()[0] == r"torn \x1b[2J\xff"
    assert json.loads(otpy("logs", "a", "--json").out.splitlines()[0]) == {
        "text": "torn \x1b[2J\\xff"
    }


def test_since_today(otpy: Run, nowhere: Path, folder: Path) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    append(folder, [LogRecord(midnight + at, "t", 1, "out", f"{at}") for at in (-2, 1)])
    assert heads(otpy("logs", "t", "--since", "today").out) == ["out | 1"]
    assert heads(otpy("logs", "t", "--since", "yesterday").out) == ["out | -2", "out | 1"]
    ago = (NOW - timedelta(days=3)).timestamp()
    os.utime(folder / "t.log", (ago, ago))
    assert otpy("logs", "t", "--since", "today").out == ""
    del nowhere


def test_who_is_not_there(otpy: Run, folder: Path) -> None:
    done = otpy("logs", "poole")
    assert done.status == 3
    assert done.complaint == (
        "no process 'poole' has logged anything; did you mean 'pool'?; `otpy logs` shows all"
    )
    done = otpy("logs", "-n", "other")
    assert done.status == 3
    assert done.complaint == f"no node 'other': there is no {folder.parents[1]}/other/log"
    (folder.parents[1] / "z" / "log").mkdir(parents=True)
    assert otpy("logs").complaint == "2 nodes ran: shop, z; pick one, as in `otpy -n shop logs`"


def test_nobody_ever_ran(otpy: Run, nowhere: Path) -> None:
    done = otpy("logs")
    assert done.status == 3
    assert done.complaint.startswith(f"no node runs, or ever ran, in {nowhere}")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--grep (", "'(' is no regular expression"),
        ("-f --previous", "--follow does not go with --previous"),
        ("-f --until 10m", "--follow does not go with --until"),
        ("--since never", "'never' is no time"),
    ],
)
def test_a_wrong_command_line(otpy: Run, words: str, complaint: str) -> None:
    done = otpy("logs", *words.split())
    assert done.status == 2
    assert complaint in done.complaint


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("begun", "names"),
    [("p", ["pool"]), ("pool/", ["pool/a", "pool/b"]), ("", ["@node", "a", "b", "c", "pool"])],
)
def test_tab_completes_what_has_logged(begun: str, names: list[str]) -> None:
    assert offered("logs", begun) == names


# ---- following, in a process of its own ------------------------------------------------------


@contextmanager
def following(*words: str, stdout: int | None = None) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "otpy", "logs", "-f", *words]
    with subprocess.Popen(command, stdout=stdout or subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_of(process: subprocess.Popen[str]) -> Callable[[int], list[str]]:
    stream = process.stdout
    assert stream is not None
    return lambda count: heads("".join([stream.readline() for _ in range(count)]))


def test_follow_goes_on_over_rotation_until_ctrl_c(folder: Path) -> None:
    with following("pool", "--last", "1") as process:
        read = lines_of(process)
        assert read(2) == ["out | own file", 'out = {"order":7}']
        append(folder, [record("pool/a", 6, "one"), record("c", 6, "not wanted")])
        assert read(1) == ["out | one"]
        rotate(folder / "pool%2Fa.log")
        append(folder, [record("pool/a", 7, "two"), record("pool/new", 8, "three")])
        assert read(2) == ["out | two", "out | three"]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


@pytest.mark.usefixtures("folder")
def test_follow_begins_with_the_last_ten(folder: Path) -> None:
    append(folder, [record("c", 10 + number, f"{number}") for number in range(20)])
    with following() as process:
        assert lines_of(process)(10) == [f"out | {number}" for number in range(10, 20)]


@pytest.mark.usefixtures("folder")
def test_follow_ends_when_its_reader_has_gone() -> None:
    with following() as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 1


@pytest.mark.usefixtures("folder")
def test_colors_are_for_terminals() -> None:
    ours, theirs = pty.openpty()
    with following(stdout=theirs):
        os.close(theirs)
        seen = b""
        while b"[2J" not in seen:
            seen += os.read(ours, 4096)
    os.close(ours)
    assert b"\x1b[31mred\x1b[0m \\x1b[2J" in seen
    assert b"\x1b[31m2026" in seen
