"""The structures in which the core remembers: never changed, and as fast for thousands."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otpy.core.queue import Queue
from otpy.core.table import Table

KEYS = st.text("abc", max_size=4)


class Tables(RuleBasedStateMachine):
    """A table beside a dict, and an older one that must stay as it was."""

    def __init__(self) -> None:
        super().__init__()
        self.table: Table[int] = Table()
        self.model: dict[str, int] = {}
        self.older: tuple[Table[int], dict[str, int]] = self.table, {}

    @rule(key=KEYS, value=st.integers())
    def put(self, key: str, value: int) -> None:
        self.table = self.table.put(key, value)
        self.model[key] = value

    @rule(count=st.integers(0, 300))
    def put_many(self, count: int) -> None:
        for number in range(count):
            self.put(str(number), number)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def leave_out(self, data: Any) -> None:
        key = data.draw(st.sampled_from(list(self.model)))
        self.table = self.table.without(key)
        del self.model[key]

    @rule()
    def remember(self) -> None:
        self.older = self.table, dict(self.model)

    @invariant()
    def it_is_the_dict_in_order(self) -> None:
        for table, model in ((self.table, self.model), self.older):
            assert list(table.items()) == list(model.items())
            assert len(table) == len(model)
            assert "not there" not in table


TestTables = Tables.TestCase


@given(st.lists(st.integers()), st.lists(st.integers() | st.none()))
def test_a_queue_is_a_list_whose_head_goes_first(first: list[int], steps: list[int | None]) -> None:
    queue, model, older = Queue(first), list(first), Queue(first)
    for step in steps:
        if step is None:
            assert not model or queue.head == model[0]
            queue, model = queue.rest, model[1:]
        else:
            queue, model = queue.with_(step), [*model, step]
        assert list(queue) == model
        assert len(queue) == len(model)
        assert bool(queue) == bool(model)
        assert queue == Queue(model)
    assert list(older) == first


def test_a_change_leaves_nearly_everything_shared() -> None:
    table = Table((str(number), number) for number in range(10_000))
    changed = table.put("5000", -1)
    shared = sum(a is b for a, b in zip(table._buckets, changed._buckets, strict=True))
    assert shared == len(table._buckets) - 1
    assert max(map(len, table._buckets)) < 120
