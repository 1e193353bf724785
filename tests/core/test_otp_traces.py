"""The core does what Erlang/OTP did: every recorded scenario gives the same trace."""

from pathlib import Path

import pytest

from tests.core.replay import Record, replay, scenarios

TRACES = Path(__file__).parents[1] / "data" / "otp-traces"
RECORDED = [record for name in ("hand", "random") for record in scenarios(TRACES / f"{name}.jsonl")]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda record: str(record["scenario"]["id"]))
def test_trace_equals_that_of_otp(recorded: Record) -> None:
    assert replay(recorded["scenario"]) == recorded["trace"]
