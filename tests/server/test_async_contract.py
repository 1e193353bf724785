"""The contract of `test_genserver`, with ``async def`` callbacks."""

import pytest

from tests.server import test_genserver
from tests.server.test_genserver import (  # noqa: F401  # collected here a second time
    test_a_call_is_answered_by_what_is_returned,
    test_a_caller_may_be_answered_later_and_once,
    test_a_message_for_the_far_future_disturbs_nobody,
    test_a_refusal_is_no_crash,
    test_a_timeout_comes_if_nothing_else_does,
    test_a_timeout_comes_once,
    test_a_type_error_inside_a_method_is_a_crash_of_the_server,
    test_an_answer_may_come_before_the_crash,
    test_any_message_ends_a_timeout_for_good,
    test_casts_and_messages_may_stop_the_server,
    test_init_may_ask_for_a_timeout,
    test_init_may_fail,
    test_init_may_ignore_and_the_spec_of_a_permanent_child_stays,
    test_marked_methods_take_requests_of_their_name,
    test_messages_that_were_sent_for_later_come_in_order_of_their_time,
    test_reply_and_go_on,
    test_stop_with_a_reply_answers_after_terminate,
    test_stop_without_a_reply_is_told_to_the_caller,
    test_what_init_continues_with_comes_before_any_message,
    test_what_is_continued_with_comes_before_messages_that_wait,
    test_who_waits_for_a_later_answer_hears_of_the_end,
)


@pytest.fixture(autouse=True)
def asynchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_genserver, "SERVER", "tests.support.async_workers:AsyncContract")
