"""The registry of `test_registry`, by `otpy.aio`."""

import pytest

from tests.runtime.node import test_registry
from tests.runtime.node.test_registry import (  # noqa: F401  # collected here a second time
    node,
    test_a_call_by_name_waits_for_the_next_incarnation,
    test_a_client_looks_up_and_dispatches_too,
    test_a_client_monitors,
    test_a_dispatched_message_reaches_everybody_registered,
    test_a_key_is_any_plain_value,
    test_a_name_is_free_when_its_holder_is_dead,
    test_a_name_of_the_tree_is_taken_before_init,
    test_a_process_is_known_by_a_name_it_takes,
    test_a_second_holder_is_refused,
    test_an_entry_goes_with_its_process_before_anybody_sees_it_dangle,
    test_entries_go_with_a_killed_supervisor,
    test_many_share_a_key,
    test_what_is_too_large_for_the_registry_is_refused,
)


@pytest.fixture(autouse=True)
def asynchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = test_registry.TREE.replace("support.kin_workers", "support.async_kin_workers")
    monkeypatch.setattr(test_registry, "TREE", tree)
