"""`otpy why`: of a node that runs, and of one that does not any more (10.8)."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import click
import pytest

from otpy import connect
from otpy.cli.complete import ended_names
from otpy.cli.session import Session
from otpy.cli.why import why
from otpy.events import ChildStarted
from otpy.runtime.node.end_store import EndStore
from otpy.system.nodedir import NodeDir
from otpy.wire.ends import Cause, End, Then
from tests.cli.commands import Run, running

TREE = """
name: small
children:
  - {id: counter, start: "otpy.examples.counter:Counter"}
  - {id: still, command: [sleep, "100000"]}
"""


def end(path: str, **fields: Any) -> End:
    given: dict[str, Any] = {"at": time.time() - 3600, "boot": "b", "kind": "worker"}
    return End(**{"path": path, "reason": "killed", **given, **fields})


@pytest.fixture
def store(nowhere: Path) -> EndStore:
    """The store of a node that does not run."""
    directory = NodeDir("t")
    directory.create()
    directory.events.write_bytes(b"")
    return EndStore(directory.ends)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_all_that_is_known_an_hour_later(otpy: Run, store: EndStore) -> None:
    store.add(end("pool/a", incarnation=6, pid=11, signal="SIGKILL"))
    store.follow("pool/a", Then(did="restarted", at=0.0, incarnation=7, pid=12, after=0.0123))
    store.add(
        end(
            "pool/a",
            incarnation=7,
            pid=12,
            reason="error: ValueError: \x1b[2J",
            status=1,
            uptime=75.0,
            messages=31,
            peak_memory=5 << 20,
            traceback="Traceback\n  here\nValueError: \x1b[2J\n",
            message="call 'divide'",
            output="one\ntwo\n",
        )
    )
    store.follow(
        "pool/a",
        Then(did="failed", at=0.0, restarts=4, max_restarts=3, max_seconds=5.0),
    )
    store.flush()
    outcome = otpy("why", "a")
    assert outcome.status == 0
    told = lines(outcome.out)
    assert told[0] == "name pool/a"
    assert told[1] == "now node t does not run"
    assert told[2].endswith(", 1h0m ago")
    assert told[3:] == [
        "reason error: ValueError: \\x1b[2J",
        "how exit status 1",
        "uptime 1m15s",
        "incarnation 7, pid 12",
        "messages 31",
        "peak RSS 5.0 MiB",
        "then failed, and stayed down (restart 4 of 3 in 5 s)",
        "",
        "traceback",
        "Traceback",
        "here",
        "ValueError: \\x1b[2J",
        "",
        "message in hand",
        "call 'divide'",
        "",
        "last output",
        "one",
        "two",
        "",
        "ENDED INCARNATION UPTIME PEAK REASON THEN",
        told[-2],
        told[-1],
    ]
    assert told[-1].endswith("6 - - killed restarted after 12ms: incarnation 7, pid 12")
    assert "ENDED" not in otpy("why", "a", "--last", "1").out
    data = otpy("why", "--json", "pool/a", "--last", "1").one
    assert (data["path"], data["pid"], len(data["ends"])) == ("pool/a", None, 1)
    assert data["state"] == "node down"
    assert data["ends"][0]["status"] == 1
    assert data["ends"][0]["then"]["did"] == "failed"
    assert otpy("why", "--json", "a").one["ends"][1]["signal"] == "SIGKILL"


@pytest.mark.parametrize(
    ("fields", "then", "expected"),
    [
        ({}, None, "not restarted"),
        ({"clean": True}, None, "not restarted: it ended cleanly"),
        ({"clean": True, "asked": True}, None, "stopped"),
        ({}, Then(did="restarting", at=0.0), "restarting"),
        ({}, Then(did="restarting", at=0.0, failed=True, incarnation=3), "3 failed to start"),
        ({}, Then(did="backing off", at=0.0, retry_at=1e9, waits_for="b"), "backing off with b"),
        (
            {},
            Then(did="gave up", at=0.0, after=1.0, incarnation=3, pid=4),
            "its supervisor gave up",
        ),
        ({}, Then(did="shut down", at=0.0), "its supervisor shut down with it"),
        ({}, Then(did="removed", at=0.0), "not restarted, and removed"),
        ({}, Then(did="stopped", at=0.0), "stopped on request"),
        ({"signal": "SIGSEGV", "core_dumped": True}, None, "how signal SIGSEGV, core dumped"),
        ({"signal": "SIGKILL", "oom": True}, None, "out of memory"),
        ({"was_up": False}, None, "how it was not up yet"),
        ({"with_supervisor": "pool"}, None, "its supervisor pool ended"),
        ({"stacks": "File x"}, None, "stacks File x"),
        ({"traceback": "T\nE: x\n", "output": "last\nT\nE: x\n"}, None, "E: x last output last"),
    ],
)
def test_what_is_said(
    otpy: Run, store: EndStore, fields: dict[str, Any], then: Then | None, expected: str
) -> None:
    store.add(end("a", **fields))
    if then is not None:
        store.follow("a", then)
    store.flush()
    assert expected in " ".join(otpy("why", "a").out.split())


def test_which_childs_which_end_ended_a_supervisor(otpy: Run, store: EndStore) -> None:
    def gave_up(child: str) -> Cause:
        return Cause(
            did="gave up",
            child=child,
            reason="exit: 3",
            restarts=4,
            max_restarts=3,
            max_seconds=5.0,
        )

    store.add(end("pool/in/a", reason="exit: 3", kind="command"))
    store.add(end("pool/in", reason="shutdown", kind="supervisor", cause=gave_up("pool/in/a")))
    store.add(end("pool", reason="shutdown", kind="supervisor", cause=gave_up("pool/in")))
    store.flush()
    told = " ".join(otpy("why", "pool").out.split())
    assert "it gave up: restart 4 of pool/in within 5 s, 3 allowed, the last after exit: 3" in told
    assert "pool/in ended, since it gave up: restart 4 of pool/in/a" in told
    chain = otpy("why", "--json", "pool").one["chain"]
    assert [one["path"] for one in chain] == ["pool/in", "pool/in/a"]


def test_what_there_is_not(otpy: Run, store: EndStore) -> None:
    store.add(end("pool/a"))
    store.add(end("other/a"))
    store.flush()
    unknown = otpy("why", "pool/b")
    assert unknown.status == 3
    assert unknown.complaint.startswith(
        "no end of 'pool/b' is kept; did you mean 'pool/a'?; `otpy events`"
    )
    assert otpy("why", "a").status == 3
    assert "say other/a or pool/a" in otpy("why", "a").complaint
    assert otpy("-n", "u", "why", "a").status == 3
    assert otpy("why").status == 2


def test_what_ran_in_a_node_that_was_killed(
    otpy: Run, store: EndStore, nowhere: Path, tmp_path: Path
) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(TREE.replace("small", "t"))
    NodeDir("t").node_json.write_text('{"name": "t", "pid": 1, "started_at": 5.0, "boot": "b"}')
    with running(file, nowhere):
        told = otpy("why", "still").out
        assert ", incarnation 1; the node was killed at" in told
        assert otpy("why", "--json", "still").one["state"] == "running"
        assert told.endswith("no end of it is kept\n")
        assert "it left no sign of an orderly end" in otpy("why", "@node").out


def test_names_are_completed_when_the_node_does_not_run(store: EndStore) -> None:
    store.add(end("pool/a"))
    store.add(end("pool/other"))
    store.flush()
    context = click.Context(why, obj=Session())
    (names, *_) = why.params
    assert ended_names(context, names, "") == ["a", "other"]
    assert ended_names(context, names, "pool/") == ["pool/a", "pool/other"]
    assert ended_names(context, names, "x") == []


def test_of_a_node_that_runs(otpy: Run, nowhere: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(TREE)
    with running(file, nowhere), connect("small") as node:
        still = otpy("why", "still")
        assert still.status == 0
        assert still.out.startswith("still: running since ")
        assert still.out.endswith(", incarnation 1; it has never ended\n")
        assert otpy("why", "nobody").status == 3
        os.kill(node["counter"].pid, signal.SIGKILL)
        with node.events(follow=True) as events:
            next(e for e in events if isinstance(e, ChildStarted) and e.incarnation == 2)
        told = lines(otpy("why", "counter", "still").out)
        assert told[0] == "name counter"
        assert told[1].startswith("now running since ")
        assert told[-1].startswith("still: running since ")
        data = otpy("why", "--json", "counter", "@node").data
        assert [one["path"] for one in data] == ["counter", "@node"]
        assert data[0]["ends"][0]["signal"] == "SIGKILL"
        assert data[1]["ends"] == []
    assert otpy("why", "@node", "--json").one["ends"][0]["reason"].startswith("shutdown: SIG")
    after = " ".join(otpy("why", "still").out.split())
    assert "now node small does not run; it ended at" in after
    assert after.endswith("then stopped")
