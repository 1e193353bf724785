"""A node takes over what its file says now, and keeps what did not change (11.1)."""

import signal
from pathlib import Path

import pytest

from otpy.errors import NoProcess, NotReloaded, OtpyError, SpecError
from otpy.events import (
    ChildEnded,
    ChildStarted,
    ChildStarting,
    NodeStopping,
    ReloadBegun,
    Reloaded,
    ReloadFailed,
)
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: reloaded
children:
  - {id: a, start: "tests.support.reloading_workers:Versioned", args: [1]}
  - {id: b, start: "tests.support.reloading_workers:Versioned", args: [2]}
  - id: pool
    children:
      - {id: c, start: "tests.support.reloading_workers:Versioned", args: [3]}
      - {id: d, start: "tests.support.reloading_workers:Versioned", args: [4]}
  - {id: e, command: [sleep, "1000"]}
"""
SLEEP = '  - {id: e, command: [sleep, "1000"]}\n'
VERSIONED = 'start: "tests.support.reloading_workers:Versioned"'


class Edited:
    """A node that runs a tree, whose file is edited."""

    def __init__(self, nodes: Nodes, tree: str = TREE) -> None:
        self.file = nodes.write(tree)
        self.node: NodeUnderTest = nodes.run(self.file)
        self.text = self.file.read_text(encoding="utf-8")

    def edit(self, *changes: tuple[str, str]) -> None:
        for old, new in changes:
            assert old in self.text, old
            self.text = self.text.replace(old, new)
        self.file.write_text(self.text, encoding="utf-8")

    def reload(self, *changes: tuple[str, str]) -> list[tuple[str, str]]:
        self.edit(*changes)
        done = self.node.client.reload()
        return [(path, kind) for path, kind, _ in done.changes]

    @property
    def pids(self) -> dict[str, int]:
        return {
            each.path: each.pid
            for each in self.node.client.tree()
            if each.pid and each.path[:1] != "@"
        }


@pytest.fixture
def edited(nodes: Nodes) -> Edited:
    return Edited(nodes)


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {path for path in before | after if before.get(path) != after.get(path)}


def test_only_what_has_changed_is_started_anew(edited: Edited) -> None:
    node, before = edited.node, edited.pids
    assert edited.reload() == []
    assert edited.pids == before
    assert [node.call("a", "get"), node.call("c", "get")] == [[1, 1], [3, 1]]
    steps = edited.reload(("args: [2]", "args: [20]"), ("args: [4]", "args: [40]"))
    assert steps == [("b", "restart"), ("pool/d", "restart")]
    assert changed(before, edited.pids) == {"b", "pool/d"}
    assert [node.call(id_, "get") for id_ in "abcd"] == [[1, 2], [20, 1], [3, 2], [40, 1]]


def test_removed_moved_and_new_ones_stand_where_the_file_has_them(edited: Edited) -> None:
    before = edited.pids
    steps = edited.reload(
        ('  - {id: b, start: "tests.support.reloading_workers:Versioned", args: [2]}\n', ""),
        (SLEEP, ""),
        (
            "  - {id: a",
            f'  - {{id: e, command: [sleep, "1000"]}}\n  - {{id: n, {VERSIONED}}}\n  - {{id: a',
        ),
    )
    assert sorted(steps) == [("b", "remove"), ("e", "move"), ("n", "add")]
    assert list(edited.pids) == ["", "e", "n", "a", "pool", "pool/c", "pool/d"]
    assert changed(before, edited.pids) == {"b", "n"}


def test_what_is_live_acts_without_a_restart(edited: Edited) -> None:
    before = edited.pids
    steps = edited.reload(
        ("args: [1]", "args: [1], shutdown: 7s, max_age: 1h"), ("name: ", "max_restarts: 9\nname: ")
    )
    assert steps == [("", "live"), ("a", "live")]
    assert edited.pids == before
    spec = edited.node.client.supervisor().get_childspec("a")
    assert (spec["shutdown"], spec["max_age"]["limit"]) == (7.0, 3600.0)


def test_a_worker_is_told_of_another_log_level_and_logs_elsewhere(
    edited: Edited, nodes: Nodes
) -> None:
    node, before = edited.node, edited.pids
    edited.reload(("args: [1]", "args: [1], log_level: WARNING"))
    node.call("a", "log", "not told")
    edited.reload(("log_level: WARNING", f"log: {{file: {nodes.work}/a.log}}"))
    node.call("a", "log", "told")
    node.says("a . INFO versioned: told")
    assert "not told" not in node.output
    file = nodes.work / "a.log"
    node.until(lambda: file.exists() and "told" in file.read_text("utf-8"), "told in a.log")
    assert edited.pids == before


def test_another_check_of_health_begins_at_once(edited: Edited) -> None:
    steps = edited.reload(
        ("args: [1]", 'args: [1], health: {exec: ["false"], every: 100ms, failures: 1}'),
        ("name: reloaded", "name: reloaded\nmax_restarts: infinity"),
    )
    assert dict(steps)["a"] == "live"
    edited.node.next(ChildEnded, path="a", reason="unhealthy: exit: 1")
    edited.reload((', health: {exec: ["false"], every: 100ms, failures: 1}', ""))
    assert edited.node.client.wait_ready("a").pid


def test_names_and_handlers_of_events_follow(edited: Edited, nodes: Nodes) -> None:
    node = edited.node
    edited.reload(("args: [1]", "args: [1], name: first"))
    assert node.call("first", "get")[0] == 1
    edited.reload(("name: first", "name: other"))
    assert node.call("other", "get")[0] == 1
    with pytest.raises(NoProcess):
        node.call("first", "get")
    handler = f'[sh, -c, "cat >>{nodes.work}/handled"]'
    edited.reload(("name: reloaded", f"name: reloaded\non_event: {{exec: {handler}}}"))
    node.recover("b")
    handled = nodes.work / "handled"
    node.until(
        lambda: handled.exists() and '"b"' in handled.read_text("utf-8"), "the event handled"
    )
    edited.reload((f"on_event: {{exec: {handler}}}\n", ""))
    assert node.next(ChildEnded, path="@on_event").clean
    assert [each.path for each in node.client.tree()][:1] == [""]
    with pytest.raises(NoProcess):
        node.client["@on_event"].info()
    assert node.errors == ""


def test_a_child_of_another_kind_takes_the_place_of_the_one_before(edited: Edited) -> None:
    before = edited.pids
    below = f"children: [{{id: x, {VERSIONED}}}]"
    steps = edited.reload((f"{VERSIONED}, args: [2]", below))
    assert steps == [("b", "recreate")]
    assert list(edited.pids) == ["", "a", "b", "b/x", "pool", "pool/c", "pool/d", "e"]
    assert changed(before, edited.pids) == {"b", "b/x"}
    assert edited.reload((below, f"{VERSIONED}, args: [2]")) == [("b", "recreate")]
    assert edited.node.call("b", "get") == [2, 1]


def test_a_child_that_fails_to_start_puts_everything_back(edited: Edited) -> None:
    node, before = edited.node, edited.pids
    with pytest.raises(
        NotReloaded, match="pool/d failed to start: error: ValueError: why"
    ) as failed:
        edited.reload(
            ("args: [2]", "args: [20]"),
            ("args: [4]", "args: [40, why]"),
            ('  - {id: e, command: [sleep, "1000"]}\n', f"  - {{id: n, {VERSIONED}}}\n"),
        )
    assert failed.value.child == "pool/d"
    assert list(edited.pids) == ["", "a", "b", "pool", "pool/c", "pool/d", "e"]
    assert changed(before, edited.pids) == {"b", "pool/d", "e"}
    assert [node.call(id_, "get") for id_ in "abcd"] == [[1, 1], [2, 1], [3, 1], [4, 1]]
    assert node.next(ReloadFailed).child == "pool/d"
    node.recover("pool")
    assert node.call("d", "get") == [4, 1]


@pytest.mark.parametrize("path", ["b", "pool", "pool/d", ""])
def test_what_is_killed_later_comes_back_with_the_new_spec(edited: Edited, path: str) -> None:
    node = edited.node
    edited.reload(("args: [2]", "args: [20]"), ("args: [4]", "args: [40]"))
    node.read_events()
    before = node.incarnations()[path or ""]
    node.kill(path)
    node.next(ChildStarted, path=path, incarnation=before + 1)
    assert [node.call(id_, "get")[0] for id_ in "abcd"] == [1, 20, 3, 40]


def test_stopped_ones_stay_stopped_and_added_ones_stay(edited: Edited) -> None:
    root = edited.node.client.supervisor()
    root.terminate_child("b")
    root.start_child({"id": "x", "command": ["sleep", "1000"]})
    pid = edited.pids["x"]
    edited.reload(("args: [2]", "args: [20]"), ("args: [1]", "args: [10]"))
    assert "b" not in edited.pids
    assert edited.pids["x"] == pid
    root.restart_child("b")
    assert edited.node.call("b", "get") == [20, 1]


def test_a_wrong_file_changes_nothing_and_is_told_with_its_line(edited: Edited) -> None:
    before = edited.pids
    with pytest.raises(SpecError) as wrong:
        edited.reload(("name: reloaded", "nmae: reloaded"), ("workers:Versioned", "workers:Nobody"))
    assert len(wrong.value.mistakes) == 5
    assert edited.pids == before
    edited.node.next(ReloadFailed)
    edited.edit(("workers:Nobody", "workers:Versioned"), ("nmae: reloaded", "name: another"))
    with pytest.raises(SpecError, match="got 'another', expected 'reloaded'"):
        edited.reload()


def test_sighup_is_a_reload_and_its_outcome_an_event_and_a_line(edited: Edited) -> None:
    node = edited.node
    edited.edit(("args: [2]", "args: [20]"))
    node.send(signal.SIGHUP)
    assert [path for path, *_ in node.next(ReloadBegun).changes] == ["b"]
    assert [kind for _, kind, _ in node.next(Reloaded).changes] == ["restart"]
    node.says("node reloaded has reloaded: restart b")
    edited.edit(("args: [20]", "args: [20, why]"))
    node.send(signal.SIGHUP)
    assert node.next(ReloadFailed).child == "b"
    node.says("has not reloaded, all is as before: b failed to start: error: ValueError: why")
    assert node.call("b", "get") == [20, 1]
    assert not node.seen(NodeStopping)


def test_another_file_is_the_one_that_is_run_from_then_on(edited: Edited, nodes: Nodes) -> None:
    other = nodes.write(TREE.replace("[1]", "[10]"), "other.yaml")
    node = edited.node
    assert node.client.reload(other).config == str(other)
    assert str(other) in (node.folder / "node.json").read_text(encoding="utf-8")
    node.disconnect()
    assert node.client.config == str(other)
    nodes.write(TREE, "other.yaml")
    assert [path for path, *_ in node.client.reload().changes] == ["a"]


def test_two_at_once_are_done_one_after_another(edited: Edited, nodes: Nodes) -> None:
    first = nodes.write(TREE.replace("[1]", "[10]"), "first.yaml")
    second = nodes.write(TREE.replace("[2]", "[20]"), "second.yaml")
    from concurrent.futures import ThreadPoolExecutor

    client = edited.node.client
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(client.reload, (first, second)))
    assert {each.config for each in done} == {str(first), str(second)}
    edited.node.disconnect()
    last = edited.node.client.config
    wanted = [10, 2] if last == str(first) else [1, 20]
    assert [edited.node.call(id_, "get")[0] for id_ in "ab"] == wanted


SLOW = """
name: reloaded
children:
  - id: pool
    max_restarts: 20
    children:
      - {id: a, start: "tests.support.reloading_workers:Versioned", args: [1]}
      - {id: slow, command: [sh, -c, "SLOW"], ready: {log: up}, shutdown: brutal_kill}
      - {id: b, start: "tests.support.reloading_workers:Versioned", args: [2]}
"""
AT_ONCE = "echo up; exec sleep 1000"


def in_the_middle(nodes: Nodes) -> tuple[Edited, Path]:
    """Begin a reload that waits for `slow` until the file is there that is returned."""
    go = nodes.work / "go"
    edited = Edited(nodes, SLOW.replace("SLOW", AT_ONCE))
    wait = f"until test -e {go}; do sleep 0.05; done; {AT_ONCE}"
    edited.edit((AT_ONCE, wait), ("args: [1]", "args: [10]"), ("args: [2]", "args: [20]"))
    edited.node.send(signal.SIGHUP)
    edited.node.next(ChildStarting, path="pool/slow", incarnation=2)
    return edited, go


@pytest.mark.parametrize("victim", ["@gateway", "pool/a", "pool/b", "pool", ""])
def test_what_is_killed_in_the_middle_does_not_keep_it_from_its_end(
    nodes: Nodes, victim: str
) -> None:
    edited, go = in_the_middle(nodes)
    edited.node.kill(victim)
    go.touch()
    edited.node.next(Reloaded)
    assert [edited.node.call(id_, "get")[0] for id_ in "ab"] == [10, 20]
    assert edited.node.client.reload().changes == ()


def test_the_child_that_is_waited_for_is_killed_and_all_is_put_back(nodes: Nodes) -> None:
    edited, _ = in_the_middle(nodes)
    edited.node.kill("pool/slow")
    assert edited.node.next(ReloadFailed).child == "pool/slow"
    assert [edited.node.call(id_, "get")[0] for id_ in "ab"] == [1, 2]


def test_an_edit_meanwhile_is_for_the_next_one(nodes: Nodes) -> None:
    edited, go = in_the_middle(nodes)
    edited.edit(("args: [20]", "args: [21]"))
    edited.node.send(signal.SIGHUP)
    go.touch()
    edited.node.next(Reloaded)
    assert [path for path, *_ in edited.node.next(Reloaded).changes] == ["pool/b"]
    assert edited.node.call("b", "get") == [21, 1]


def test_a_stop_in_the_middle_stops_all(nodes: Nodes) -> None:
    edited, _ = in_the_middle(nodes)
    assert edited.node.stop() == 0
    assert not edited.node.seen(Reloaded)


def test_a_strategy_from_which_there_is_no_way_makes_the_tree_anew(nodes: Nodes) -> None:
    edited = Edited(nodes, TREE.partition("children")[0] + "strategy: dynamic\n")
    assert edited.reload(("strategy: dynamic\n", "children" + TREE.partition("children")[2]))
    assert edited.node.call("d", "get") == [4, 1]


# ---- scale ---------------------------------------------------------------------------------------

POOL = """
name: pools
children:
  - {id: pool, start: "tests.support.reloading_workers:Versioned", args: [1], instances: 2}
  - {id: other, start: "tests.support.reloading_workers:Versioned", args: [1]}
"""


def test_instances_are_added_and_removed_and_callers_follow(nodes: Nodes) -> None:
    edited = Edited(nodes, POOL)
    client, before = edited.node.client, edited.pids
    for key in range(4):
        client["pool"].call("get", key=key)
    assert [path for path, *_ in client.scale("pool", 4).changes] == ["pool", "pool/2", "pool/3"]
    assert changed(before, edited.pids) == {"pool/2", "pool/3"}
    slow = client["pool/3"].send_request("slow", 0.2)
    assert client.scale("pool", 1).changes[0][:2] == ("pool/3", "remove")
    assert slow.result(timeout=60) == 1, "what it had in hand was answered"
    for key in range(4):
        client["pool"].call("get", key=key)
        client["pool"].call("get")
    edited.node.recover("pool")
    assert list(edited.pids) == ["", "pool", "pool/0", "other"], "it comes back with as many"
    assert edited.reload() == [("pool", "live"), ("pool/1", "add")], "the file wins"
    with pytest.raises(OtpyError, match="has no instances"):
        client.scale("other", 2)


def test_callers_notice_nothing_of_a_number_that_changes(nodes: Nodes) -> None:
    edited = Edited(nodes, POOL)
    client = edited.node.client
    from concurrent.futures import ThreadPoolExecutor

    stop: list[bool] = []

    def ask(key: int | None) -> int:
        count = 0
        while not stop or not count:
            client["pool"].call("get", key=key, timeout=60)
            count += 1
        return count

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(ask, key) for key in (None, None, 1, 2)]
        for count in (3, 1, 4, 2):
            client.scale("pool", count)
        stop.append(True)
        assert all(each.result() for each in asking)
