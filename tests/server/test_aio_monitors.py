"""The monitors and links of `test_monitors`, by `otpy.aio`."""

import pytest

from tests.runtime.node import test_monitors
from tests.runtime.node.test_monitors import (  # noqa: F401  # collected here a second time
    node,
    test_a_link_ends_with_its_incarnation,
    test_a_link_is_symmetric,
    test_a_link_to_what_is_dead,
    test_a_monitor_hears_when_the_supervisor_was_killed,
    test_a_monitor_is_of_one_incarnation,
    test_a_monitor_of_what_is_dead_tells_noproc_at_once,
    test_a_monitor_tells_the_real_reason_once,
    test_a_normal_end_takes_nobody_along,
    test_a_process_that_traps_exits_hears_of_a_linked_ones_end,
    test_after_demonitor_no_down_arrives,
    test_after_unlink_nothing_arrives,
    test_each_of_several_monitors_tells,
    test_linked_processes_of_a_killed_supervisor,
    test_names_may_be_of_a_class_that_supervisors_do_not_know,
    test_one_taken_along_by_a_shutdown_ended_cleanly,
    test_one_that_does_not_trap_exits_goes_along_from_within_a_handler,
    test_one_that_does_not_trap_exits_goes_along_with_the_same_reason,
    test_unlink_of_what_is_gone_never_fails,
    test_what_is_no_name_is_an_error_to_its_user_alone,
    test_what_was_sent_before_the_death_arrives_before_its_down,
)


@pytest.fixture(autouse=True)
def asynchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = test_monitors.TREE.replace("support.kin_workers", "support.async_kin_workers")
    monkeypatch.setattr(test_monitors, "TREE", tree)
