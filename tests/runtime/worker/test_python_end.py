"""4.14: what Python does at its end is done by a worker that ends in order."""

import gzip
import os
from pathlib import Path

from otpy.events import ChildEnded, ChildStartFailed
from tests.support.node import Nodes

KINDS = {
    "server": "Server",
    "untrapped": "Untrapped",
    "async": "Async",
    "function": "function",
    "computes": "computes",
    "coroutine": "coroutine",
}


def test_what_only_pythons_end_finishes(nodes: Nodes) -> None:
    lines = [
        f"  - {{id: {id_}, start: 'tests.support.buffering_workers:{what}', args: [WORK/{id_}]}}"
        for id_, what in KINDS.items()
    ]
    node = nodes.run("\n".join(["name: ends", "children:", *lines]))
    for id_ in KINDS:
        node.logged("begun", str(nodes.work / id_))
    assert node.stop() == 0
    assert {e.path: e.reason for e in node.seen(ChildEnded) if e.path in KINDS} == dict.fromkeys(
        KINDS, "shutdown"
    )
    for id_ in KINDS:
        assert told(nodes.work / id_) == {
            "text": "written",
            "packed.gz": "written",
            "global": "written",
            "atexit": "ran",
            "finalize": "ran",
            "logged": "logged\n",
        }, id_


def told(folder: Path) -> dict[str, str]:
    return {
        path.name: gzip.open(path, "rt").read() if path.suffix else path.read_text()
        for path in folder.iterdir()
    }


def test_one_that_ends_by_itself_has_a_limit(nodes: Nodes) -> None:
    node = nodes.run("""
        name: limit
        children:
          - {id: f, start: "tests.support.buffering_workers:hangs_at_its_end",
             restart: temporary, shutdown: 300ms}
        """)
    end = node.next(ChildEnded, path="f")
    assert (end.reason, end.overdue) == ("normal", True)


def test_shared_memory_goes_with_the_worker_that_was_killed(nodes: Nodes) -> None:
    """Before its replacement starts: Python's resource tracker has done its work by then."""
    name = f"otpy-test-{os.getpid()}"
    node = nodes.run(f"""
        name: shares
        children:
          - id: branch
            children:
              - {{id: a, start: "tests.support.buffering_workers:Shares", args: [{name}]}}
          - {{id: b, start: "tests.support.buffering_workers:Shares", args: [{name}-b],
             shutdown: brutal_kill}}
        """)
    assert Path("/dev/shm", name).exists()
    node.recover("branch/a")
    node.recover("branch")
    node.client.supervisor().terminate_child("b")
    assert not Path("/dev/shm", f"{name}-b").exists()
    assert node.stop() == 0
    assert not Path("/dev/shm", name).exists()
    assert node.seen(ChildStartFailed) == []
