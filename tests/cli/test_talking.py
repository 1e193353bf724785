"""Commands that talk to servers: call and cast."""

import signal
from collections.abc import Iterator

import psutil
import pytest

from otpy.cli.terminal import Terminal
from tests.cli.commands import Run

pytestmark = pytest.mark.usefixtures("shop")


def test_words_are_sent_as_a_request_and_its_arguments(otpy: Run) -> None:
    before = otpy("call", "sales", "get_count").data
    assert otpy("call", "sales", "increment", "5").out == f"{before + 5}\n"
    assert otpy("call", "counters/sales", "get_count").data == before + 5
    assert otpy("call", "catalogue", "take", "pear").data == 49


def test_a_string_is_printed_as_it_is_and_as_json_if_asked_to(otpy: Run) -> None:
    assert otpy("call", "mailroom", "é").out == "mailroom does not know 'é'\n"
    assert otpy("call", "mailroom", "é", "--json").data == "mailroom does not know 'é'"


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (['{"a":1}'], "{'a': 1}"),
        (["5"], "5"),
        (["a", "-5", "-1.5e3", "true", "[1]"], "('a', -5, -1500.0, True, [1])"),
        (["a", "--", "--json", "-n"], "('a', '--json', '-n')"),
        (["a", "-"], "('a', '-')"),
        (["a b", ""], "('a b', '')"),
    ],
)
def test_what_is_sent(otpy: Run, words: list[str], sent: str) -> None:
    assert otpy("call", "sales", *words).complaint == f"Counter has no handler for call {sent}"


def test_options_may_stand_between_the_words(otpy: Run) -> None:
    assert otpy("call", "--json", "sales", "-n", "shop", "get_count", "--timeout", "9").status == 0


def test_a_refusal_is_told(otpy: Run) -> None:
    assert otpy("call", "catalogue", "take", "apple", "1000").complaint == (
        "refused: only 100 apple left"
    )
    assert otpy("call", "sales", "increment", "-5").complaint.startswith("refused: ")


def test_a_crash_is_told_with_its_reason(otpy: Run) -> None:
    assert otpy("call", "visitors", "divide", "0").complaint == (
        "it ended before it answered: error: ZeroDivisionError: "
        "integer division or modulo by zero; `otpy why` shows more"
    )
    assert otpy("call", "visitors", "get_count").data == 0  # waits until it is back


@pytest.fixture
def stopped_mailroom(otpy: Run) -> Iterator[psutil.Process]:
    """A server that does nothing any more, but is there."""
    mailroom = psutil.Process(int(otpy("pid", "mailroom").out))
    otpy("kill", "mailroom", "STOP")
    yield mailroom
    mailroom.send_signal(signal.SIGCONT)


def test_no_answer_in_time_is_told_with_what_to_do(
    otpy: Run, stopped_mailroom: psutil.Process
) -> None:
    assert stopped_mailroom.is_running()
    assert otpy("call", "mailroom", "sent", "--timeout", "0.2").complaint == (
        "'mailroom' did not answer within 0.2 s; "
        "nobody knows whether it ran; --timeout gives it longer"
    )


@pytest.mark.parametrize("command", ["call", "cast", "kill"])
def test_a_name_that_nobody_has(otpy: Run, command: str) -> None:
    words = () if command == "kill" else ("hello",)
    assert otpy(command, "catalog", *words).complaint == (
        "no child 'catalog' in the tree; did you mean 'catalogue'? `otpy tree` shows them all"
    )


def test_a_child_that_is_stopped_for_good(otpy: Run) -> None:
    complaint = otpy("call", "inventory", "hello").complaint
    assert complaint.endswith("start it with `otpy start inventory`")


def test_a_supervisor_is_no_server(otpy: Run) -> None:
    assert "supervisor" in otpy("call", "counters", "hello").complaint


def test_a_cast_says_so_and_is_done_before_the_next_call(otpy: Run) -> None:
    before = otpy("call", "catalogue", "available", "fig").data
    cast = otpy("cast", "catalogue", "deliver", "fig", "5")
    assert (cast.status, cast.out, cast.err) == (0, "catalogue: sent\n", "")
    assert otpy("call", "catalogue", "available", "fig").data == before + 5


def test_the_node_goes_on(shop: Terminal, otpy: Run) -> None:
    assert otpy("tree", "--json").data[0]["pid"] == shop.node.pid
