"""`otpy events`: of a node that runs, and of one that does not any more (2.4)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from otpy.cli.events import following
from otpy.cli.terminal import Terminal
from otpy.client.history import merged
from otpy.events import ChildEnded, ChildStarted, Event, EventsLost, NodeStarted, event_to_data
from otpy.system.nodedir import NodeDir
from tests.cli.commands import Run, private_directory, running

TREE = """
name: small
children:
  - {id: a, command: [sleep, "100000"]}
  - id: pool
    children:
      - {id: b, command: [sleep, "100000"]}
"""


def ended(path: str, at: float) -> Event:
    return ChildEnded(
        at=at, path=path, kind="worker", pid=7, incarnation=1, reason="x", asked=False, clean=False
    )


def lay(name: str, *events: Event, older: bool = False, rest: bytes = b"") -> Path:
    """Leave a journal, as a node does."""
    directory = NodeDir(name)
    directory.create()
    path = directory.events.with_suffix(".jsonl.1") if older else directory.events
    path.write_bytes(b"".join(msgspec.json.encode(event_to_data(e)) + b"\n" for e in events) + rest)
    return directory.events


@pytest.fixture
def journal(nowhere: Path) -> Path:
    """The journal of a node that does not run; its events are not in order of time."""
    now = time.time()
    lay("t", NodeStarted(at=now - 9000, path="@node", node="t", pid=1), older=True)
    return lay(
        "t",
        ended("pool/b", now - 60),
        ended("a", now - 3600),
        ended("pool", now - 10),
        ended("", now - 5),
        rest=b'{"event": "NoSuch", "at": 1}\n{"event": "ChildEnd',
    )


def paths(out: str) -> list[str]:
    return [json.loads(line)["path"] for line in out.splitlines()]


def test_of_a_node_that_does_not_run(otpy: Run, journal: Path) -> None:
    outcome = otpy("events")
    assert outcome.status == 0
    assert outcome.err == f"otpy: t does not run; its events are in {journal}\n"
    lines = outcome.out.splitlines()
    assert lines[0].endswith("  t is up, pid 1")
    assert [line.split("  ")[1] for line in lines[1:]] == [
        "a: ended: x",
        "pool/b: ended: x",
        "pool: ended: x",
        "root: ended: x",
    ]
    assert otpy("-n", "t", "events", "--json").out.count("\n") == 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["@node", "a", "pool/b", "pool", ""]),
        (("a",), ["a"]),
        (("pool",), ["pool/b", "pool"]),
        (("b",), ["pool/b"]),
        (("pool/b",), ["pool/b"]),
        (("root",), [""]),
        (("@node",), ["@node"]),
        (("--last", "2"), ["pool", ""]),
        (("--last", "0"), []),
        (("--last", "99"), ["@node", "a", "pool/b", "pool", ""]),
        (("--since", "2m"), ["pool/b", "pool", ""]),
        (("--since", "1.5h"), ["a", "pool/b", "pool", ""]),
        (("--since", "30"), ["pool", ""]),
        (("--since", "1d", "--last", "1", "pool"), ["pool"]),
        (("pool", "--since", "30s"), ["pool"]),
        (("b", "--since", "30s"), []),
        (("--until", "2m"), ["@node", "a"]),
        (("--since", "2h", "--until", "30"), ["a", "pool/b"]),
        (("a", "pool/b"), ["a", "pool/b"]),
        (("a", "pool", "--last", "2"), ["pool/b", "pool"]),
    ],
)
def test_filters(otpy: Run, journal: Path, words: tuple[str, ...], expected: list[str]) -> None:
    outcome = otpy("events", "--json", *words)
    assert (outcome.status, paths(outcome.out)) == (0, expected)


def test_times(otpy: Run, journal: Path) -> None:
    moment = datetime.fromtimestamp(time.time() - 1800).astimezone()
    for word in (
        moment.isoformat(),
        str(moment.timestamp()),
        f"{moment:%Y-%m-%d %H:%M:%S}",
        f"{moment:%Y-%m-%dT%H:%M}",
    ):
        assert paths(otpy("events", "--json", "--since", word).out) == ["pool/b", "pool", ""]
    assert otpy("events", "--since", "00:00").status == 0
    refused = otpy("events", "--since", "noon")
    assert refused.status == 2
    assert "'noon' is no time; expected 10m, 14:30 or 2026-01-31T14:30" in refused.complaint


def test_what_cannot_be_told(otpy: Run, journal: Path) -> None:
    assert otpy("events", "poo").complaint == (
        "no event is about 'poo'; did you mean 'pool'?; `otpy events` shows all"
    )
    assert otpy("events", "poo").status == 3
    assert otpy("events", "a", "poo").status == 3
    assert "node 'u' is not running" in otpy("-n", "u", "events").complaint
    assert otpy("-n", "u", "events").status == 3
    assert otpy("events", "-f", "--until", "1m").status == 2
    assert "node '..' is not running" in otpy("-n", "..", "events").complaint
    followed = otpy("events", "-f")
    assert followed.status == 1
    assert "root: ended" in followed.out
    assert followed.err == (
        f"otpy: t does not run; its events are in {journal}; there is nothing to follow\n"
    )
    lay("v", ended("a", 1.0))
    assert otpy("events").complaint == (
        "no node runs; 2 ran: t, v; pick one, as in `otpy -n t events`"
    )


def test_no_node_at_all(otpy: Run, nowhere: Path) -> None:
    assert otpy("events").complaint == (
        f"no node runs, or ever ran, in {nowhere}; start one with `otpy run`"
    )


def numbered(seq: int, boot: str = "x") -> Event:
    return replace(ended("a", at=9.0 - seq), seq=seq, boot=boot)


def lost(seq: int, count: int) -> Event:
    return EventsLost(at=0.0, path="@node", seq=seq, boot="x", count=count, reason="r")


def test_events_are_put_in_order_and_come_once() -> None:
    """By their numbers, for the clock may have been put back."""
    file = [numbered(3, "w"), numbered(1), lost(3, 2), numbered(4)]
    gateway = [numbered(3), numbered(4), numbered(5)]
    assert merged([ended("a", 1.0), *file, *gateway]) == [
        *(ended("a", 1.0), numbered(3, "w"), numbered(1)),
        *(numbered(3), numbered(4), numbered(5)),
    ]
    assert merged(file)[-2:] == [lost(3, 2), numbered(4)]


class FakeNode:
    """A node of which more happened than its gateway keeps: since the fifth event it is in a file.

    The file of its `name` is made by `lay`.
    """

    name, boot = "x", "x"
    after: int | None = None

    def events(self, *, follow: bool, after: int) -> Iterator[Event]:
        assert follow
        self.after = after
        yield lost(4, 4 - after)
        yield numbered(5)


@pytest.mark.usefixtures("nowhere")
def test_what_the_gateway_does_not_keep_is_followed_in_the_file() -> None:
    """10.9: no gap between the file and what the gateway sends, and nothing twice."""
    node = FakeNode()
    lay("x", *(numbered(seq) for seq in (1, 2, 3, 4, 5)))
    assert [e.seq for e in following(node, [numbered(2)])] == [3, 4, 5]  # type: ignore[arg-type]
    assert node.after == 2
    assert [e.seq for e in following(node, [numbered(7, "before")])] == [1, 2, 3, 4, 5]  # type: ignore[arg-type]
    lay("x", *(numbered(seq) for seq in (1, 2, 4)))
    told = [*following(node, [numbered(2)])]  # type: ignore[arg-type]
    assert told == [numbered(4), lost(4, 2), numbered(5)]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A node that had run before."""
    file = tmp_path_factory.mktemp("small") / "small.yaml"
    file.write_text(TREE)
    with private_directory() as private:
        lay("small", ended("a", 5.0))
        with running(file, private) as run:
            yield run


def test_of_a_node_that_runs(otpy: Run, small: Terminal) -> None:
    told = [json.loads(line) for line in otpy("events", "--json").out.splitlines()]
    assert [event["seq"] for event in told] == sorted(event["seq"] for event in told)
    assert told[0]["at"] > 5.0
    assert paths(otpy("events", "--json", "--last", "1000").out) == [
        "a",
        *(e["path"] for e in told),
    ]
    assert set(paths(otpy("events", "--json", "pool").out)) == {"pool", "pool/b"}
    assert otpy("events", "nobody").complaint.startswith("no child 'nobody' in the tree")
    assert otpy("events", "nobody").status == 3


def test_events_are_numbered(otpy: Run, small: Terminal) -> None:
    """10.9: each run of the node from 1 on, in the file as at the gateway."""
    kept = [json.loads(line) for line in otpy("events", "--json").out.splitlines()]
    assert [event["seq"] for event in kept] == [*range(1, len(kept) + 1)]
    assert len({event["boot"] for event in kept}) == 1
    assert kept[0]["boot"] == NodeDir("small").read_node_json()["boot"]
    written = otpy("events", "--json", "--last", "1000").out.splitlines()
    assert [json.loads(line) for line in written][1:] == kept


def test_following_goes_on_after_the_last(small: Terminal) -> None:
    """None of what is told of the past comes again."""
    command = [sys.executable, "-m", "otpy", "events", "-f", "--json", "a", "--last", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        events = map(json.loads, following.stdout)
        first = next(events)
        assert (first["event"], first["path"]) == (ChildStarted.__name__, "a")
        os.kill(first["pid"], signal.SIGKILL)
        told = [next(events) for _ in range(4)]
        following.terminate()
    expected = ["ChildEnded", "ChildRestarting", "ChildStarting", "ChildStarted"]
    assert [event["event"] for event in told] == expected
    begin = told[0]["seq"]
    assert [event["seq"] for event in told] == [*range(begin, begin + 4)]
