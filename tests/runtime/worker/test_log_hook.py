"""What becomes of records by where stderr goes, in processes that are as workers."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otpy.wire.inband_reader import InbandReader

LOGS = """
import os, warnings
from otpy.runtime.worker import log_hook
log_hook.prepare_logging()
{before}
import logging
logging.getLogger("shop").info("hello", extra={{"order": 7}})
warnings.warn("old")
{after}
"""


def run(before: str = "", after: str = "", **options: Any) -> bytes:
    script = LOGS.format(before=before, after=after)
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, **{"stderr": subprocess.PIPE, **options}, check=True)
    return ended.stderr or b""


def records(data: bytes) -> list[tuple[str, str]]:
    reader = InbandReader("a", 1)
    found = itertools.chain.from_iterable(reader.read(line, 0.0) for line in data.splitlines())
    return [(each.stream, each.text.partition("\n")[0]) for each in found]


def test_a_pipe_gets_records() -> None:
    assert records(run()) == [("log", "hello"), ("log", "<string>:8: UserWarning: old")]


@pytest.mark.parametrize("is_pipe", [True, False])
def test_what_is_not_the_supervisors_gets_lines(tmp_path: Path, *, is_pipe: bool) -> None:
    file = tmp_path / "err"
    with file.open("wb") as err:
        printed = run("log_hook.print_records()") if is_pipe else run(stderr=err)
    lines = (printed or file.read_bytes()).decode().splitlines()
    assert lines[:2] == ["INFO shop: hello", "<string>:8: UserWarning: old"]


def test_a_closed_stderr_is_no_error() -> None:
    assert run("os.close(2)") == b""


def test_a_pipe_that_does_not_block_gets_all() -> None:
    many = "for number in range(500): logging.info('%d ' + 'x' * 1000, number)"
    printed = run("os.set_blocking(2, False)", many)
    texts = [text.partition(" ")[0] for _, text in records(printed)]
    assert texts[2:] == [str(number) for number in range(500)]


def test_the_level_may_be_set_when_logging_is_imported_already() -> None:
    after = "log_hook.set_log_level('ERROR'); logging.warning('no'); logging.error('yes')"
    assert records(run(after=after))[2:] == [("log", "yes")]
    after = f"logging.root.setLevel('DEBUG'); {after}"
    assert records(run(after=after))[2:] == [("log", "no"), ("log", "yes")]


def test_a_record_that_cannot_be_made_is_an_error_of_its_own() -> None:
    printed = run(after="logging.info('%d', 'x'); logging.info('next')")
    assert b"--- Logging error ---" in printed
    assert records(printed)[-1] == ("log", "next")


def test_records_of_threads_and_forks_are_whole_between_what_they_print() -> None:
    many = """
import sys, threading
def write(name):
    for number in range(40):
        logging.info("%s %d " + "x" * 9000, name, number)
        sys.stderr.write(f"{name} {number} printed" + "y" * 500 + chr(10))
def write_in_threads(name):
    threads = [threading.Thread(target=write, args=(f"{name}{n}",)) for n in range(3)]
    [each.start() for each in threads]
    [each.join() for each in threads]
    return 0
children = [os.fork() or os._exit(write_in_threads(name)) for name in "ab"]
[os.waitpid(child, 0) for child in children]
"""
    found = records(run(after=many))[2:]
    logged = [text.partition(" x")[0] for stream, text in found if stream == "log"]
    assert sorted(logged) == sorted(
        f"{p}{t} {n}" for p in "ab" for t in range(3) for n in range(40)
    )
    printed = [text for stream, text in found if stream == "err"]
    assert len(printed) == len(logged)
    assert all(text.endswith("y" * 500) for text in printed)
