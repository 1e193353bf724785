"""What is sent to the logger: records together where they have room, in their order."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from otpy.wire.log_message import batches, cut_to_size
from otpy.wire.log_record import LogRecord


def record(text: str, fields: dict[str, str] | None = None) -> LogRecord:
    return LogRecord(0.0, "a", 1, "log", text, "INFO", "shop", fields=fields or {})


SIZES = st.lists(st.sampled_from([0, 10, 9_000, 20_000, 40_000, 70_000]), max_size=8)


@given(SIZES, st.booleans())
def test_records_are_in_few_messages_of_a_limited_size(sizes: list[int], with_fields: bool) -> None:
    records = [record("x" * size, {"f": "y" * 100} if with_fields else None) for size in sizes]
    found = list(batches(records))
    assert [each for batch in found for each in batch] == [
        part for each in records for part in cut_to_size(each)
    ]
    lengths = [sum(len(each.text) for each in batch) for batch in found]
    assert all(length <= 1 << 15 for length in lengths)
    # No two that follow each other would have room in one.
    pairs = itertools.pairwise(found)
    assert all(
        sum(len(each.text) + 120 for each in one) + len(other[0].text) + 120 > 1 << 15
        for one, other in pairs
    )


def test_large_fields_are_in_a_message_of_their_own() -> None:
    records = [record("a"), record("b", {"f": "y" * 60_000}), record("c")]
    assert [[each.text for each in batch] for batch in batches(records)] == [["a"], ["b"], ["c"]]
