"""The lines of the log: one format, for the node and for the command line."""

import pytest

from otpy.events import ChildEnded
from otpy.wire.log_lines import (
    complaint_line,
    dated_line,
    local_time,
    log_line,
    output_prefix,
    record_text,
)
from otpy.wire.log_record import LogRecord
from tests.wire.test_safe_text import obeyed

ENDED = ChildEnded(
    at=1_700_000_000.9876,
    path="pool/a",
    kind="worker",
    pid=7,
    incarnation=1,
    reason="error: ValueError: first\nsecond \x1b[2J",
    asked=False,
    clean=False,
)
TEXT = r"pool/a: ended: error: ValueError: first\nsecond \x1b[2J"


def test_both_lines_have_the_same_text_and_moment() -> None:
    moment = local_time(ENDED.at)
    assert moment.endswith(".987")
    assert dated_line(ENDED) == f"{moment}  {TEXT}"
    assert log_line(ENDED) == f"{moment.partition(' ')[2]} otpy | {TEXT}"


@pytest.mark.parametrize("at", [0.0, 1_700_000_000.0004, 1_700_000_000.9999])
def test_a_moment_is_of_one_length(at: float) -> None:
    assert len(local_time(at)) == len("2026-11-27 20:38:36.333")


def test_a_complaint_is_one_line() -> None:
    assert complaint_line("shop", "no\nroom") == r"otpy: shop: no\nroom"
    assert not obeyed(complaint_line("shop", "\x1b[2J"), "")


def test_the_prefix_of_output_is_the_moment_and_the_path() -> None:
    moment = local_time(ENDED.at).partition(" ")[2]
    assert output_prefix("pool/ä", ENDED.at) == f"{moment} pool/ä | ".encode()
    assert output_prefix("a", ENDED.at, split=True) == f"{moment} a |> ".encode()


def test_a_record_of_logging_is_read_with_level_and_logger() -> None:
    record = LogRecord(0.0, "a", 1, "log", "two\nlines", "INFO", "shop.orders")
    assert record_text(record) == "INFO shop.orders: two\nlines"
    assert record_text(LogRecord(0.0, "a", 1, "out", "printed")) == "printed"
