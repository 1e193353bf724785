"""One test for each way to write a field wrongly, with the exact line that tells it."""

import pytest

from otpy.config import load
from otpy.config.fields import ServerChild, Tree
from otpy.config.mistakes import one_of
from otpy.errors import SpecError
from tests.config.folder import Folder, Told

DURATION = "seconds, 0 or more, or a duration such as 250ms, 5s, 2m or 1h"
BUDGET = f"{DURATION}; or brutal_kill or infinity"
TOP_KEYS = one_of(Tree.model_fields)
SERVER_KEYS = one_of(ServerChild.model_fields)
KINDS = "start, command or children"


@pytest.mark.parametrize(
    "name", [".", "..", "''", "a/b", "/", r'"a\0"', "'@x'", "-x", "' '", "a" * 101]
)
def test_a_name_that_no_folder_can_have(told: Told, name: str) -> None:
    """2.2: what `run` would refuse, `check` refuses, too."""
    (line,) = told(f"children: []\nname: {name}\n")
    assert line.startswith("2:7: name: got ")


def test_a_name_too_long_for_the_path_of_a_socket(
    told: Told, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTPY_DIR", "/" + "x" * (107 - len("//abc/control.sock")))
    assert told("name: abc\nchildren: []\n") == []
    assert told("name: äb\nchildren: []\n") == []  # three bytes, too
    (line,) = told("name: äbc\nchildren: []\n")
    assert line.startswith("1:7: name: got 'äbc', expected a shorter one: ")
    assert line.endswith(
        "has 108 bytes, but the path of a Unix socket may have 107; "
        "set OTPY_DIR to a shorter directory"
    )
    folder.write("abcd.yaml", "children: []\n")
    with pytest.raises(SpecError, match=r"^abcd.yaml:1:1: got 'abcd', expected a shorter one"):
        load("abcd.yaml")


@pytest.mark.parametrize(
    ("field", "column", "text"),
    [
        (
            "name: a b",
            7,
            "name: got 'a b', expected a name without '/', white space and control characters",
        ),
        ("name: 5", 7, "name: got 5, expected a string; put it in quotes"),
        ("name:", 6, "name: got nothing, expected a string"),
        (
            "strategy: one_for_al",
            11,
            (
                "strategy: got 'one_for_al', expected one_for_one, one_for_all, rest_for_one or"
                " dynamic; did you mean 'one_for_all'?"
            ),
        ),
        (
            "strategy: simple",
            11,
            "strategy: got 'simple', expected one_for_one, one_for_all, rest_for_one or dynamic",
        ),
        (
            "auto_shutdown: true",
            16,
            "auto_shutdown: got true, expected never, any_significant or all_significant",
        ),
        (
            "max_restarts: -1",
            15,
            "max_restarts: got -1, expected an integer from 0 to 1000000000, or infinity",
        ),
        (
            "max_restarts: yes",
            15,
            (
                "max_restarts: got yes (YAML reads it as true),"
                " expected an integer from 0 to 1000000000, or infinity"
            ),
        ),
        (
            "max_restarts: 1.0",
            15,
            "max_restarts: got 1.0, expected an integer from 0 to 1000000000, or infinity",
        ),
        (
            "max_restarts: '3'",
            15,
            "max_restarts: got '3', expected an integer from 0 to 1000000000, or infinity",
        ),
        ("max_seconds: 0", 14, "max_seconds: got 0, expected more than 0 s"),
        ("max_seconds: infinity", 14, f"max_seconds: got 'infinity', expected {DURATION}"),
        ("colour: 5", 1, f"unknown key 'colour', expected {TOP_KEYS}"),
        ("strateg: 5", 1, f"unknown key 'strateg', expected {TOP_KEYS}; did you mean 'strategy'?"),
        ("id: a", 1, f"unknown key 'id', expected {TOP_KEYS}"),
        ("5: a", 1, "got the key 5, expected a string; put it in quotes"),
        ("no: a", 1, "got the key false, expected a string; put it in quotes"),
        ("[a]: a", 1, "got a list or a mapping as a key, expected a string"),
    ],
)
def test_at_the_top(told: Told, field: str, column: int, text: str) -> None:
    assert told(f"{field}\nchildren: []\n") == [f"1:{column}: {text}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a", "1:1: children is missing, expected a list of children, [] for none"),
        ("children:", "1:10: children: got nothing, expected a list of children, [] for none"),
        ("children: {}", "1:11: children: got a mapping, expected a list of children, [] for none"),
        (
            "children: [a]",
            f"1:12: children[0]: got 'a', expected a mapping with id and one of {KINDS}",
        ),
    ],
)
def test_children(told: Told, text: str, line: str) -> None:
    assert told(text) == [line]


NAME_RULE = "a name without '/', white space and control characters"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("5", "got 5, expected a string, unique among its siblings; put it in quotes"),
        (
            "yes",
            (
                "got yes (YAML reads it as true), expected a string, unique among its siblings;"
                " put it in quotes"
            ),
        ),
        (
            "010",
            (
                "got 010 (YAML reads it as 8), expected a string, unique among its siblings;"
                " put it in quotes"
            ),
        ),
        (
            "2001-01-01",
            (
                "got a value of type date, expected a string, unique among its siblings;"
                " put it in quotes"
            ),
        ),
        ("[]", "got an empty list, expected a string, unique among its siblings"),
        ("", "got nothing, expected a string, unique among its siblings"),
        ("''", "got '', expected a name that is not empty"),
        ("a/b", f"got 'a/b', expected {NAME_RULE}"),
        ("a b", f"got 'a b', expected {NAME_RULE}"),
        (r'"a\nb"', rf"got 'a\nb', expected {NAME_RULE}"),
        (r'"a\0"', rf"got 'a\x00', expected {NAME_RULE}"),
        (".", "got '.', expected a name that is not '.' or '..'"),
        ("..", "got '..', expected a name that is not '.' or '..'"),
        ("'-a'", "got '-a', expected a name that does not start with '-'"),
        ("'@a'", "got '@a', expected a name that does not start with '@'"),
        ("a" * 101, f"got '{'a' * 56}..., expected a name of at most 100 characters"),
    ],
)
def test_id(told: Told, written: str, text: str) -> None:
    (line,) = told(f"children:\n- start: m:f\n  id: {written}\n")
    assert line.partition(" ")[2] == f"id: {text}"
    assert line.startswith("3:")


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (
            "restart: always",
            "12: restart: got 'always', expected permanent, transient or temporary",
        ),
        (
            "restart: permanant",
            (
                "12: restart: got 'permanant', expected permanent, transient or temporary;"
                " did you mean 'permanent'?"
            ),
        ),
        (
            "restart: no",
            (
                "12: restart: got no (YAML reads it as false),"
                " expected permanent, transient or temporary"
            ),
        ),
        (
            "stop_signal: TREM",
            (
                "16: stop_signal: got 'TREM', expected the name of a signal, such as TERM or QUIT,"
                " or its number; did you mean 'TERM'?"
            ),
        ),
        (
            "stop_signal: 999",
            (
                "16: stop_signal: got 999, expected the name of a signal, such as TERM or QUIT,"
                " or its number"
            ),
        ),
        (
            "stop_signal: KILL",
            (
                "16: stop_signal: got 'KILL', expected a signal that a process can handle to stop,"
                " such as TERM or QUIT; shutdown: brutal_kill kills at once"
            ),
        ),
        (
            "stop_signal: yes",
            (
                "16: stop_signal: got yes (YAML reads it as true), expected the name of a signal,"
                " such as TERM or QUIT, or its number"
            ),
        ),
        ("stop_group: 1", "15: stop_group: got 1, expected true or false"),
        ("shutdown: -1", f"13: shutdown: got -1, expected {BUDGET}"),
        ("shutdown: -.inf", f"13: shutdown: got -.inf (YAML reads it as -inf), expected {BUDGET}"),
        ("shutdown: .nan", f"13: shutdown: got .nan (YAML reads it as nan), expected {BUDGET}"),
        ("shutdown: on", f"13: shutdown: got on (YAML reads it as true), expected {BUDGET}"),
        ("shutdown: 5 s", f"13: shutdown: got '5 s', expected {BUDGET}"),
        ("shutdown: 5d", f"13: shutdown: got '5d', expected {BUDGET}"),
        (
            "shutdown: brutal-kill",
            f"13: shutdown: got 'brutal-kill', expected {BUDGET}; did you mean 'brutal_kill'?",
        ),
        ("shutdown: inf", f"13: shutdown: got 'inf', expected {BUDGET}"),
        (
            "shutdown: .inf",
            (
                "13: shutdown: got .inf (YAML reads it as inf), expected at most 1000000000 s;"
                " or brutal_kill or infinity"
            ),
        ),
        (
            f"shutdown: 0x{'f' * 99}",
            (
                f"13: shutdown: got 0x{'f' * 55}... (YAML reads it as a huge number),"
                " expected at most 1000000000 s; or brutal_kill or infinity"
            ),
        ),
        ("significant: 1", "16: significant: got 1, expected true or false"),
        (
            "args: 5",
            "9: args: got 5, expected a list of positional or a mapping of keyword arguments",
        ),
        (
            "args: {1: 2}",
            "9: args: got a mapping, expected keyword arguments whose names are all strings",
        ),
        ("colour: 5", f"3: unknown key 'colour', expected {SERVER_KEYS}"),
        (
            "max_restarts: null",
            "17: max_restarts: got nothing, expected an integer from 0 to 1000000000, or infinity",
        ),
        ("max_seconds: 0", "16: max_seconds: got 0, expected more than 0 s"),
        (
            "on_give_up: stay",
            "15: on_give_up: got 'stay', expected escalate or stay_down; did you mean 'stay_down'?",
        ),
        (
            "backoff: 5s",
            (
                "12: backoff: got '5s', expected true, false or a mapping such as"
                " {initial: 100ms, max: 30s}"
            ),
        ),
        (
            "backoff: {initial: 1m, max: 1s}",
            "12: backoff: got a mapping, expected a max that is not below initial",
        ),
        (
            "backoff: {factor: 0.5}",
            "21: factor: got 0.5, expected a number from 1 to 1000",
        ),
        ("backoff: {jitter: 2}", "21: jitter: got 2, expected a number from 0 to 1"),
        (
            "backoff: {inital: 1s}",
            (
                "13: unknown key 'inital', expected initial, factor, max, jitter or reset_after;"
                " did you mean 'initial'?"
            ),
        ),
        ("hue: {}", f"3: unknown key 'hue', expected {SERVER_KEYS}"),
        (
            "shutdwn: 2",
            f"3: unknown key 'shutdwn', expected {SERVER_KEYS}; did you mean 'shutdown'?",
        ),
        ("strategy: one_for_one", "3: 'strategy' with 'start', expected only with 'children'"),
        ("command: [a]", f"3: 'command' beside 'start', expected exactly one of {KINDS}"),
        ("children: []", f"3: 'children' beside 'start', expected exactly one of {KINDS}"),
        ("5: a", "3: got the key 5, expected a string; put it in quotes"),
    ],
)
def test_a_server(told: Told, field: str, line: str) -> None:
    assert told(f"children:\n- {{id: a, start: 'm:f'}}\n- id: b\n  start: m:f\n  {field}\n") == [
        f"5:{line}"
    ]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("5", "got 5, expected module:attribute, such as shop.cart:Cart"),
        ("cart", "got 'cart', expected module:attribute, such as shop.cart:Cart"),
        (
            "shop.cart.Cart",
            (
                "got 'shop.cart.Cart', expected module:attribute, such as shop.cart:Cart;"
                " did you mean 'shop.cart:Cart'?"
            ),
        ),
        ("shop:", "got 'shop:', expected module:attribute, such as shop.cart:Cart"),
        ("a:b:c", "got 'a:b:c', expected module:attribute, such as shop.cart:Cart"),
        (".a:b", "got '.a:b', expected module:attribute, such as shop.cart:Cart"),
        ("a-b:c", "got 'a-b:c', expected module:attribute, such as shop.cart:Cart"),
    ],
)
def test_start(told: Told, written: str, text: str) -> None:
    lines = told(f"children:\n- id: a\n  start: '{written}'\n".replace("'5'", "5"))
    assert lines == [f"3:10: start: {text}"]


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (
            "command: caddy run",
            "3:12: command: got 'caddy run', expected a list such as [caddy, run]",
        ),
        (
            "command: []",
            (
                "3:12: command: got an empty list,"
                " expected a list such as [caddy, run] that starts with a program"
            ),
        ),
        (
            "command: ['']",
            (
                "3:12: command: got a list,"
                " expected a list such as [caddy, run] that starts with a program"
            ),
        ),
        (
            "command: [sleep, 5]",
            "3:20: command[1]: got 5, expected a string; put it in quotes",
        ),
        (
            r'command: [a, "\0"]',
            r"3:16: command[1]: got '\x00', expected a word without the NUL character",
        ),
        (
            "command: [a]\n  args: [1]",
            "4:3: 'args' with 'command', expected only with 'start'",
        ),
        (
            "children: []\n  args: [1]",
            "4:3: 'args' with 'children', expected only with 'start'",
        ),
    ],
)
def test_commands_and_supervisors(told: Told, field: str, line: str) -> None:
    assert told(f"children:\n- id: a\n  {field}\n") == [line]


def test_a_child_without_a_kind(told: Told) -> None:
    assert told("children:\n  - id: a\n") == [
        f"2:5: children[0]: {KINDS} is missing, expected exactly one of them"
    ]


def test_a_misspelt_kind(told: Told) -> None:
    assert told("children:\n  - id: a\n    strat: m:f\n") == [
        f"2:5: children[0]: {KINDS} is missing, expected exactly one of them",
        f"3:5: unknown key 'strat', expected {SERVER_KEYS}; did you mean 'start'?",
    ]


def test_a_child_without_an_id(told: Told) -> None:
    assert told("children:\n  - start: m:f\n") == [
        "2:5: children[0]: id is missing, expected a string, unique among its siblings"
    ]


def test_an_id_twice(told: Told) -> None:
    assert told("children:\n- {id: a, start: 'm:f'}\n- {id: a, children: []}\n") == [
        "3:8: id: got 'a' again, expected an id that is unique among its siblings"
    ]


def test_a_name_twice_anywhere_in_the_tree(told: Told) -> None:
    text = """\
name: a
children:
  - {id: b, name: a, start: 'm:f'}
  - id: c
    children: [{id: d, name: a, start: 'm:f'}]
"""
    assert told(text) == [
        "5:30: name: got 'a' again, expected a name that is unique in the tree",
    ]


@pytest.mark.parametrize(
    ("top", "child", "why"),
    [
        ("never", "", "a significant child needs a supervisor with auto_shutdown"),
        ("any_significant", "", "a significant child may not be permanent"),
        ("all_significant", "restart: permanent,", "a significant child may not be permanent"),
    ],
)
def test_significance(told: Told, top: str, child: str, why: str) -> None:
    text = f"auto_shutdown: {top}\nchildren:\n- {{significant: true, {child} id: a, start: 'm:f'}}"
    assert told(text) == [f"3:17: significant: got true, but {why}"]


def test_significance_under_the_default_auto_shutdown(told: Told) -> None:
    lines = told("children: [{significant: true, restart: transient, id: a, start: 'm:f'}]")
    assert lines == [
        "1:26: significant: got true, but a significant child needs a supervisor with auto_shutdown"
    ]


def test_a_name_that_the_file_does_not_give(folder: Folder) -> None:
    folder.write("my tree.yaml", "children: []")
    with pytest.raises(SpecError) as caught:
        load("my tree.yaml")
    assert str(caught.value) == (
        "my tree.yaml:1:1: name is missing, and the file's 'my tree' is not a name without '/',"
        " white space and control characters"
    )


def test_nesting_over_fifty_deep(told: Told) -> None:
    def nested(depth: int) -> str:
        return "{id: a, children: [" * depth + "]}" * depth

    assert told(f"children: [{nested(49)}]") == []
    assert told(f"children: [{nested(50)}]") == [
        "1:951: supervisors nested over 50 deep, expected at most 50"
    ]


def test_all_mistakes_at_once_in_the_order_of_the_file(told: Told) -> None:
    text = """\
strategy: one
children:
  - id: a
    start: m:f
    restart: always
  - id: a
    strategy: two
    children:
      - {id: b, command: x}
      - {id: b, start: nothing, colour: red}
max_restarts: many
"""
    assert told(text) == [
        "1:11: strategy: got 'one', expected one_for_one, one_for_all, rest_for_one or dynamic",
        "5:14: restart: got 'always', expected permanent, transient or temporary",
        "6:9: id: got 'a' again, expected an id that is unique among its siblings",
        "7:15: strategy: got 'two', expected one_for_one, one_for_all, rest_for_one or dynamic",
        "9:26: command: got 'x', expected a list such as [caddy, run]",
        "10:14: id: got 'b' again, expected an id that is unique among its siblings",
        "10:24: start: got 'nothing', expected module:attribute, such as shop.cart:Cart",
        f"10:33: unknown key 'colour', expected {SERVER_KEYS}",
        "11:15: max_restarts: got 'many', expected an integer from 0 to 1000000000, or infinity",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "strategy: dynamic\nchildren: [{id: a, start: 'm:f'}]",
            (
                "2:11: children: got a list, but a dynamic supervisor starts without children,"
                " expected []"
            ),
        ),
        (
            "strategy: dynamic\nauto_shutdown: any_significant",
            ("2:16: auto_shutdown: got 'any_significant', expected never with strategy 'dynamic'"),
        ),
        (
            "strategy: dynamic\nmax_children: -1",
            "2:15: max_children: got -1, expected an integer from 0 to 1000000000, or infinity",
        ),
        (
            "strategy: dynamic\nmax_children: many",
            "2:15: max_children: got 'many', expected an integer from 0 to 1000000000, or infinity",
        ),
        (
            "max_children: 5\nchildren: []",
            "1:1: 'max_children' with strategy 'one_for_one', expected only with 'dynamic'",
        ),
        (
            "children: [{id: a, max_children: 5, strategy: one_for_all, children: []}]",
            "1:20: 'max_children' with strategy 'one_for_all', expected only with 'dynamic'",
        ),
        (
            "children: [{id: a, strategy: rest_for_one}]",
            (
                "1:12: children[0]: start, command or children is missing,"
                " expected exactly one of them"
            ),
        ),
        (
            "children: [{id: a, start: 'm:f', strategy: dynamic}]",
            "1:34: 'strategy' with 'start', expected only with 'children'",
        ),
        (
            "template: {start: 'm:f'}\nchildren: []",
            "1:1: 'template' with strategy 'one_for_one', expected only with 'dynamic'",
        ),
        (
            "strategy: dynamic\ntemplate:",
            "2:10: template: got nothing, expected a mapping with one of start or command",
        ),
        (
            "strategy: dynamic\ntemplate: [5]",
            "2:11: template: got a list, expected a mapping with one of start or command",
        ),
        (
            "strategy: dynamic\ntemplate: {id: a}",
            "2:11: template: start or command is missing, expected exactly one of them",
        ),
        (
            "strategy: dynamic\ntemplate: {children: []}",
            "2:12: 'children' in a template, expected one of start or command",
        ),
        (
            "strategy: dynamic\ntemplate: {start: 'm:f', command: [a]}",
            f"2:26: 'command' beside 'start', expected exactly one of {KINDS}",
        ),
        (
            "strategy: dynamic\ntemplate: {start: 'm:f', restart: always}",
            "2:35: restart: got 'always', expected permanent, transient or temporary",
        ),
        (
            "strategy: dynamic\ntemplate: {start: 'm:f', colour: red}",
            f"2:26: unknown key 'colour', expected {SERVER_KEYS}",
        ),
        (
            "strategy: dynamic\ntemplate: {start: 'm:f', 5: red}",
            "2:26: got the key 5, expected a string; put it in quotes",
        ),
        (
            "strategy: dynamic\ntemplate: {start: 'm:f', restart: transient, significant: true}",
            (
                "2:59: significant: got true, but a significant child needs a supervisor with"
                " auto_shutdown"
            ),
        ),
    ],
)
def test_a_dynamic_supervisor(told: Told, text: str, line: str) -> None:
    assert line in told(text)
