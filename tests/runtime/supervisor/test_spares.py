"""Processes that have imported a child's module ahead, and become it when it dies (10.6)."""

import os
import signal
from pathlib import Path

import pytest

from otpy import ChildInfo
from otpy.config import load
from otpy.errors import OtpyError
from otpy.events import (
    ChildEnded,
    ChildReplacing,
    ChildRestarting,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    SparesChanged,
)
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end, is_alive, stop

WORKERS = "tests.support.spare_workers"


def spares_of(node: NodeUnderTest, path: str, count: int = 1) -> tuple[int, ...]:
    """Return the pids of the spares of a child, once there are as many."""
    while len(pids := node.next(SparesChanged, path=path).pids) != count:
        pass
    return pids


def tree(*children: str, top: str = "") -> str:
    listed = "\n".join(f"          - {{{child}}}" for child in children)
    return f"""
        name: spares
        max_restarts: 1000
        env: {{SPARE_FOLDER: WORK}}
        {top}
        children:
{listed}
        """


def child(id_: str, start: str = "Counter", more: str = "spare: 1") -> str:
    return f'id: {id_}, start: "{WORKERS}:{start}", args: [WORK/log], {more}'


@pytest.mark.parametrize("start", ["Counter", "AsyncCounter", "function", "coroutine"])
def test_a_spare_becomes_the_child_that_dies(nodes: Nodes, start: str) -> None:
    node = nodes.run(tree(child("a", start)))
    for incarnation in (2, 3):
        (spare,) = spares_of(node, "a")
        (row,) = [each for each in node.client.tree() if each.path == "a"]
        assert row.spares == (spare,)
        node.kill("a")
        started = node.next(ChildStarted, path="a")
        assert (started.pid, started.incarnation) == (spare, incarnation)
        node.logged("init", "a", spare)
    imports = [entry[1] for entry in node.log("imports")]
    assert len(imports) == len(set(imports))  # none of them twice
    assert node.says(r"a \| importing")
    assert node.stop() == 0


def test_a_spare_says_that_it_is_ready(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a", "Announcing", "spare: 1, ready: notify, start_timeout: 60s")))
    (spare,) = spares_of(node, "a")
    node.kill("a")
    assert node.next(ChildStarted, path="a").pid == spare
    assert not node.seen(ChildStartFailed)


def test_what_ended_is_told_before_what_takes_its_place(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    for incarnation in (1, 2):
        (spare,) = spares_of(node, "a")
        node.call("a", "count")
        killed = node.kill("a")
        assert node.next(ChildStarted, path="a").pid == spare
        kinds = (ChildEnded, ChildRestarting, ChildStarting, ChildStarted)
        about = [e for e in node.events if isinstance(e, kinds) and e.path == "a"][-4:]
        assert tuple(map(type, about)) == kinds
        assert [event.at for event in about] == sorted(event.at for event in about)
        ended = about[0]
        assert isinstance(ended, ChildEnded)
        assert (ended.pid, ended.incarnation, ended.reason) == (killed, incarnation, "killed")
        assert (ended.messages, ended.output) == (1, "importing\n")


def test_the_limits_of_a_child_are_those_of_its_spare(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a", more="spare: 1, max_messages: 2")))
    for _ in range(2):
        (spare,) = spares_of(node, "a")
        for _ in range(2):
            node.call("a", "count")
        assert node.next(ChildReplacing, path="a").reason == "recycled: messages 2"
        assert node.next(ChildStarted, path="a").pid == spare


def test_each_child_of_a_group_takes_its_own(nodes: Nodes) -> None:
    node = nodes.run(
        tree(child("a"), child("b", more="spare: 2"), child("c"), top="strategy: rest_for_one")
    )
    ready: dict[str, tuple[int, ...]] = {}
    while {path: len(pids) for path, pids in ready.items()} != {"a": 1, "b": 2, "c": 1}:
        event = node.next(SparesChanged)
        ready[event.path] = event.pids
    node.kill("b")
    started = {path: node.next(ChildStarted, path=path).pid for path in ("b", "c")}
    assert started["b"] in ready["b"]
    assert (started["c"],) == ready["c"]
    assert is_alive(ready["a"][0])


def test_a_restart_on_request_reads_the_code_anew(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    (spare,) = spares_of(node, "a")
    root = node.client.supervisor("")
    root.terminate_child("a")
    assert node.next(SparesChanged, path="a").pids == ()
    assert await_end(spare)
    root.restart_child("a")
    started = node.next(ChildStarted, path="a")
    assert started.pid != spare
    assert spares_of(node, "a") != (started.pid,)


def test_a_spare_of_code_that_has_changed_is_not_used(nodes: Nodes) -> None:
    file = nodes.work / "changing.py"
    text = "from otpy import GenServer\n\n\nclass S(GenServer):\n    version = {}\n"
    file.write_text(text.format(1))
    start = 'id: a, start: "changing:S", cwd: WORK, spare: 2'
    node = nodes.run(tree(start))
    old = spares_of(node, "a", 2)
    file.write_text(text.format(22))
    node.kill("a")
    started = node.next(ChildStarted, path="a")
    assert started.pid not in old
    assert started.incarnation == 2
    assert node.says(r"a \| otpy: a: its spare is not used: .*changing\.py has changed")
    assert all(await_end(pid) for pid in old)
    node.kill("a")  # whether or not there are others by now
    assert node.next(ChildStarted, path="a").incarnation == 3


def test_surroundings_hold_for_the_import(nodes: Nodes) -> None:
    file = nodes.work / "settings.env"
    file.write_text("OF_FILE=one\n")
    more = "spare: 1, cwd: WORK, env_file: WORK/settings.env"
    node = nodes.run(tree(child("a", more=more)))
    (spare,) = spares_of(node, "a")
    assert ["a", spare, str(nodes.work), "one"] in node.log("imports")
    file.write_text("OF_FILE=twoo\n")  # it is read at every start
    node.kill("a")
    started = node.next(ChildStarted, path="a")
    assert ["a", started.pid, str(nodes.work), "twoo"] in node.log("imports")


def test_an_import_that_fails_ends_the_spare_and_then_the_start(nodes: Nodes) -> None:
    (nodes.work / "fail").touch()
    (nodes.work / "fail").unlink()
    node = nodes.run(tree(child("a")))
    spares_of(node, "a")
    (nodes.work / "fail").touch()
    node.kill("a")  # its spare had imported before
    assert node.complains("a: a spare has ended: exit status 1; the next one is forked in 0.1 s")
    node.kill("a")
    failed = node.next(ChildStartFailed, path="a")
    assert failed.reason == "error: ImportError: as the file asks for"
    (nodes.work / "fail").unlink()
    node.next(ChildStarted, path="a")
    spares_of(node, "a")


def test_a_spare_that_dies_is_replaced(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    (first,) = spares_of(node, "a")
    os.kill(first, signal.SIGKILL)
    assert node.next(SparesChanged, path="a").pids == ()
    assert node.complains("a: a spare has ended: SIGKILL; the next one is forked in 0.1 s")
    (second,) = spares_of(node, "a")
    assert second != first
    assert not node.seen(ChildStarting, incarnation=2)


def test_a_spare_that_was_stopped_is_not_used(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    (spare,) = spares_of(node, "a")
    stop(spare)
    node.kill("a")
    assert node.next(ChildStarted, path="a").pid != spare
    assert await_end(spare)


def test_a_stop_does_not_wait_for_an_import(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    spares_of(node, "a")
    (nodes.work / "hang").touch()
    node.kill("a")
    imports = 3
    node.until(lambda: len(node.log("imports")) == imports, "the import of the second spare")
    assert node.stop() == 0


def test_spares_die_with_their_supervisor(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    (spare,) = spares_of(node, "a")
    node.kill("")
    node.next(ChildStarted, path="a")
    assert not is_alive(spare)
    assert spares_of(node, "a") != (spare,)


def test_what_an_import_starts_is_the_childs_own(nodes: Nodes) -> None:
    node = nodes.run(tree(child("a")))
    spares_of(node, "a")
    (nodes.work / "orphan").touch()
    node.kill("a")
    spares_of(node, "a")
    ((orphan,),) = node.log("orphans")
    (nodes.work / "orphan").unlink()
    for _ in range(2):  # the one that started it becomes the child; then it has ended
        assert is_alive(orphan)
        node.kill("a")
        node.next(ChildStarted, path="a")
        spares_of(node, "a")
    assert await_end(orphan)


def test_dynamic_children_and_instances_have_spares_each(nodes: Nodes) -> None:
    template = f'template: {{start: "{WORKERS}:Counter", args: [WORK/log], spare: 1}}'
    node = nodes.run(
        tree(
            child("pool", more="instances: 2, spare: 1"),
            f"id: dynamic, strategy: dynamic, {template}",
        )
    )
    changed = node.next_each(SparesChanged, ("pool/0", "pool/1"))
    ready = {path: event.pids for path, event in changed.items()}
    (info,) = node.client.supervisor("dynamic").start_children([{}])
    assert isinstance(info, ChildInfo)
    path = f"dynamic/{info.id}"
    ready[path] = spares_of(node, path)
    for each, pids in ready.items():
        node.kill(each)
        assert (node.next(ChildStarted, path=each).pid,) == pids


def _check(nodes: Nodes, text: str) -> list[str]:

    path: Path = nodes.write(text)
    with pytest.raises(OtpyError) as error:
        load(path)
    return str(error.value).splitlines()


def test_what_has_no_spare_is_told_in_a_line(nodes: Nodes) -> None:
    (line,) = _check(nodes, tree("id: a, command: [sleep, '1'], spare: 1"))
    assert "'spare' with 'command', expected only with 'start'" in line
    (line,) = _check(nodes, tree(child("a", more="spare: 1, restart: temporary")))
    assert "got 1, but a temporary child is never restarted, expected 0" in line
    (line,) = _check(nodes, tree(child("a", more="spare: true")))
    assert "expected an integer from 0 to 100" in line
