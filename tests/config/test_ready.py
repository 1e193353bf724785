"""`ready` and `start_timeout`: their forms, each wrong one in one line, and the way back."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.config import child_from_data, child_to_data
from otpy.core.probes import (
    ExecProbe,
    HttpProbe,
    LogProbe,
    NewlineAt,
    Notified,
    Probe,
    Readiness,
    TcpProbe,
)
from otpy.core.spec import ChildSpec
from otpy.errors import SpecError
from tests.config.folder import Folder, Told

COMMAND = "children:\n- id: a\n  command: [sh]\n  {field}\n"
SERVER = "children:\n- id: a\n  start: 'tests.support.workers:Remote'\n  {field}\n"
KINDS = "fd, tcp, http, exec or log"
A_PORT = "HOST:PORT or a port from 1 to 65535"
A_URL = "a URL such as http://localhost:8000/health"
A_PROGRAM = "a list of strings such as [redis-cli, ping] that starts with a program"
DURATION = "seconds, 0 or more, or a duration such as 250ms, 5s, 2m or 1h"


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("notify", Notified()),
        ("{fd: 3}", NewlineAt(3)),
        ("{tcp: 6379}", Probe(TcpProbe("localhost", 6379))),
        ("{tcp: '6379'}", Probe(TcpProbe("localhost", 6379))),
        ("{tcp: 'db.example:80'}", Probe(TcpProbe("db.example", 80))),
        ("{tcp: '[::1]:80'}", Probe(TcpProbe("::1", 80))),
        (
            "{http: 'http://[::1]:80/x?y=z#top', status: 204, every: 250ms, timeout: 2, after: 1m}",
            Probe(HttpProbe("http://[::1]:80/x?y=z", 204), 0.25, 2.0, 60.0),
        ),
        ("{exec: [redis-cli, ping], after: 0}", Probe(ExecProbe(("redis-cli", "ping")))),
        ("{log: '^Ready (to|for)'}", LogProbe("^Ready (to|for)")),
    ],
)
def test_every_form_and_the_way_back(folder: Folder, form: str, wanted: Readiness) -> None:
    (child,) = folder.load(COMMAND.format(field=f"ready: {form}")).spec.children
    assert child.ready == wanted
    data = child_to_data(child)
    assert child_from_data(json.loads(json.dumps(data))) == child
    if not isinstance(wanted, NewlineAt):
        (child,) = folder.load(SERVER.format(field=f"ready: {form}")).spec.children
        assert child.ready == wanted


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("ready: notifi", "4:10: ready: got 'notifi', expected notify or a mapping with one of "),
        ("ready: true", f"4:10: ready: got true, expected notify or a mapping with one of {KINDS}"),
        ("ready:", "4:9: ready: got nothing, expected notify or a mapping with one of"),
        ("ready: {}", f"4:10: ready: got a mapping, expected a mapping with one of {KINDS}"),
        ("ready: {tcp: 1, log: x}", "4:10: ready: got a mapping, expected a mapping with one of "),
        ("ready: {every: 1s}", "4:10: ready: got a mapping, expected a mapping with one of"),
        ("ready: {tcp: 0}", f"4:16: tcp: got 0, expected {A_PORT}"),
        ("ready: {tcp: true}", f"4:16: tcp: got true, expected {A_PORT}"),
        ("ready: {tcp: 'a:b'}", f"4:16: tcp: got 'a:b', expected {A_PORT}"),
        ("ready: {tcp: ':80'}", f"4:16: tcp: got ':80', expected {A_PORT}"),
        ("ready: {tcp: '::1:80'}", f"4:16: tcp: got '::1:80', expected {A_PORT}"),
        ("ready: {tcp: 'a:99999'}", f"4:16: tcp: got 'a:99999', expected {A_PORT}"),
        ("ready: {http: 'localhost:80'}", f"4:17: http: got 'localhost:80', expected {A_URL}"),
        ("ready: {http: 'http://'}", f"4:17: http: got 'http://', expected {A_URL}"),
        ("ready: {http: 'http://a b/'}", f"4:17: http: got 'http://a b/', expected {A_URL}"),
        ("ready: {http: 'http://a:x/'}", f"4:17: http: got 'http://a:x/', expected {A_URL}"),
        ("ready: {http: 'http://u@a/'}", f"4:17: http: got 'http://u@a/', expected {A_URL}"),
        ("ready: {http: 80}", f"4:17: http: got 80, expected {A_URL}"),
        (
            "ready: {http: 'https://a/'}",
            f"4:17: http: got 'https://a/', expected {A_URL}; for https use exec, such as exec: [",
        ),
        ("ready: {http: 'http://a', status: 99}", "4:37: status: got 99, expected a status from"),
        ("ready: {exec: []}", f"4:17: exec: got an empty list, expected {A_PROGRAM}"),
        ("ready: {exec: redis-cli}", f"4:17: exec: got 'redis-cli', expected {A_PROGRAM}"),
        ("ready: {exec: [a, 1]}", f"4:17: exec: got a list, expected {A_PROGRAM}"),
        ('ready: {exec: ["a\\0"]}', "4:17: exec: got a list, expected a word without the NUL"),
        ("ready: {log: '('}", "4:16: log: got '(', expected a regular expression of Python's re: "),
        ("ready: {log: ''}", "4:16: log: got '', expected a regular expression that a line"),
        ("ready: {fd: 2}", "4:15: fd: got 2, expected a descriptor from 3 to 1023"),
        ("ready: {tcp: 1, every: 0}", "4:26: every: got 0, expected more than 0 s"),
        ("ready: {tcp: 1, timeout: x}", f"4:28: timeout: got 'x', expected {DURATION}"),
        (
            "ready: {tcp: 1, evry: 1s}",
            "4:19: unknown key 'evry' with 'tcp', expected tcp, every, timeout or after; did you",
        ),
        ("ready: {log: x, every: 1s}", "4:19: unknown key 'every' with 'log', expected log"),
        ("ready: {tcp: 1, status: 200}", "4:19: unknown key 'status' with 'tcp', expected tcp, "),
        ("start_timeout: 0", "4:18: start_timeout: got 0, expected more than 0 s; or infinity"),
        (
            "start_timeout: infinty",
            f"4:18: start_timeout: got 'infinty', expected {DURATION}; or infinity; did you mean",
        ),
    ],
)
def test_what_is_wrong_with_it(told: Told, field: str, line: str) -> None:
    found = told(COMMAND.format(field=field))
    assert len(found) == 1
    assert found[0].startswith(line)


def test_only_a_program_writes_to_a_descriptor_of_its_own(told: Told) -> None:
    assert told(SERVER.format(field="ready: {fd: 3}")) == [
        "4:11: 'fd' with 'start', expected only with 'command'; here notify"
    ]
    assert told("children: []\nready: notify\n")[0].startswith("2:1: unknown key 'ready'")


def test_several_mistakes_are_told_at_once(told: Told) -> None:
    assert len(told(COMMAND.format(field="ready: {tcp: x, every: y, z: 1}"))) == 3


def test_the_time_to_start_is_infinite_unless_said(folder: Folder) -> None:
    for text, seconds in (
        ("restart: permanent", None),
        ("start_timeout: infinity", None),
        ("start_timeout: 1500ms", 1.5),
    ):
        (child,) = folder.load(COMMAND.format(field=text)).spec.children
        assert child.start_timeout == seconds
        assert child_from_data(child_to_data(child)) == child
    nested = "children:\n- id: a\n  start_timeout: 2s\n  children: []\n"
    (child,) = folder.load(nested).spec.children
    assert child.start_timeout == 2.0


@given(st.text(max_size=30))
def test_no_text_is_a_fault_of_the_parsers(text: str) -> None:
    for kind in ("tcp", "http", "log", "fd", "exec"):
        _is_read_or_refused({"id": "a", "command": ["sh"], "ready": {kind: text}})
    _is_read_or_refused({"id": "a", "command": ["sh"], "ready": text})


def _is_read_or_refused(data: object) -> None:
    with suppress(SpecError):
        assert isinstance(child_from_data(data), ChildSpec)


def test_a_program_that_asks_has_to_be_there(folder: Folder) -> None:
    for key in ("ready", "health"):
        text = COMMAND.format(field=f"{key}: {{exec: [no-such]}}")
        column = 16 + len(key) - len("ready")
        assert folder.mistakes(text, check_imports=True) == [
            f"4:{column + 2}: exec[0]: got 'no-such', expected a program in PATH"
        ]
