"""What a reload does with sockets: those that did not change stay open (11.1, 11.2)."""

import contextlib
import socket
from pathlib import Path

import pytest

from otpy.errors import NotReloaded
from otpy.events import ReloadFailed
from tests.runtime.node.test_sockets import Load, answer
from tests.support.node import Nodes, NodeUnderTest

WORKERS = "tests.support.socket_workers"
TREE = f"""
name: reloaded
sockets:
  web: WORK/web.sock
  old: WORK/old.sock
children:
  - {{id: web, start: "{WORKERS}:serve", sockets: [web]}}
  - {{id: server, start: "{WORKERS}:Server", sockets: [old]}}
  - {{id: beside, start: "{WORKERS}:Server"}}
"""


class Edited:
    """A node whose file is edited."""

    def __init__(self, nodes: Nodes, tree: str = TREE) -> None:
        self.work, self.file = nodes.work, nodes.write(tree)
        self.node: NodeUnderTest = nodes.run(self.file)

    def reload(self, *changes: tuple[str, str]) -> None:
        text = self.file.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.file.write_text(text, encoding="utf-8")
        self.node.client.reload()

    @property
    def pids(self) -> dict[str, int]:
        pids = self.node.pids()
        return {path: pids[path] for path in ("", "web", "server", "beside")}


def test_those_that_use_another_socket_are_restarted_and_no_others(nodes: Nodes) -> None:
    edited = Edited(nodes)
    before, web = edited.pids, str(edited.work / "web.sock")
    load = Load(web)
    with load.running():
        edited.reload(("old: WORK/old.sock".replace("WORK", str(edited.work)), "old: '@otpy-new'"))
        after = edited.pids
        assert {path for path, pid in after.items() if pid != before[path]} == {"server"}
        assert not (edited.work / "old.sock").exists()
        address = edited.node.call("server", "addresses")["old"]
        assert "otpy-new" in address
        edited.reload(("children:", "  more: '@otpy-more'\nchildren:"))
        assert edited.pids == after
        edited.reload(
            (f'start: "{WORKERS}:Server"}}', f'start: "{WORKERS}:Server", sockets: [more]}}')
        )
        assert list(edited.node.call("beside", "addresses")) == ["more"]
        # The server itself, while connections come.
        edited.reload(("sockets: [web]}", "sockets: [web], shutdown: 3s, env: {A: b}}"))
    assert load.answers
    assert not load.refused
    assert answer(web) == edited.pids["web"] != before["web"]


def test_a_tree_without_sockets_gets_some_and_loses_them(nodes: Nodes) -> None:
    text = "name: reloaded\nchildren:\n  - {id: a, command: [sleep, '100000']}\n"
    file = nodes.write(text)
    node = nodes.run(file)
    path = nodes.work / "web.sock"
    with_socket = text.replace("children:", f"sockets: {{web: {path}}}\nchildren:")
    file.write_text(with_socket + f'  - {{id: web, start: "{WORKERS}:serve", sockets: [web]}}\n')
    node.client.reload()
    assert answer(str(path)) == node.pids()["web"]
    file.write_text(text)
    node.client.reload()
    assert not path.exists()
    file.write_text(with_socket)
    node.client.reload()
    assert path.exists()
    assert node.stop() == 0
    assert not path.exists()


def test_a_reload_that_cannot_have_its_sockets_has_changed_nothing(nodes: Nodes) -> None:
    edited = Edited(nodes)
    before = edited.pids
    used = edited.work / "used.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(used))
        other.listen()
        why = f"socket 'old': cannot listen on {used}: the address is in use"
        with pytest.raises(NotReloaded, match=why):
            edited.reload((str(edited.work / "old.sock"), str(used)))
    assert edited.node.next(ReloadFailed).reason == why
    assert edited.pids == before
    assert (edited.work / "old.sock").exists()


def test_a_reload_that_goes_back_has_the_sockets_of_before(nodes: Nodes) -> None:
    edited = Edited(nodes)
    old, new = edited.work / "old.sock", edited.work / "new.sock"
    with pytest.raises(NotReloaded):
        edited.reload(
            (str(old), str(new)),
            ("children:", "children:\n  - {id: bad, command: [sh, -c, exit 3], ready: notify}"),
        )
    assert not new.exists()
    assert Path(old).exists()
    assert str(old) in edited.node.call("server", "addresses")["old"]
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as asker:
        asker.connect(str(old))
