"""What becomes of a node whose files somebody removes, replaces or renames (2.1)."""

import contextlib
import fcntl
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otpy import connect
from otpy.errors import NodeNotFound
from otpy.events import ChildEnded, FilesRestored
from otpy.system.claim import Claim
from otpy.system.nodedir import NodeDir, node_names
from tests.support.environment import ROOT
from tests.support.node import Nodes, NodeUnderTest

TREE = """
name: app
children:
  - {id: a, start: "tests.support.workers:Remote", args: [WORK/log]}
"""


def remove_folder(folder: Path) -> None:
    """Remove a folder, and what its node puts back into it meanwhile."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
            return
    shutil.rmtree(folder)


def clean(folder: Path) -> None:
    """Remove every file, as a cleaner of old files does; the folders stay."""
    for path in folder.rglob("*"):
        if not path.is_dir():
            path.unlink()


def replace_by_file(folder: Path) -> None:
    gone = folder.rename(folder.with_name("gone"))
    folder.write_text("mine")
    shutil.rmtree(gone)


def replace_by_link(folder: Path) -> None:
    gone = folder.rename(folder.with_name("gone"))
    folder.symlink_to(folder.parent / "nowhere")
    shutil.rmtree(gone)


def move_behind_link(folder: Path) -> None:
    """As an administrator does whose disk is full."""
    folder.rename(folder.parent.parent / f"{folder.parent.name}-moved")
    folder.symlink_to(folder.parent.parent / f"{folder.parent.name}-moved")


def close_to_all(folder: Path) -> None:
    folder.chmod(0)


def open_to_all(folder: Path) -> None:
    folder.chmod(0o777)


def rename(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).rename(folder / f"{name}.old")


def remove(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


REMOVALS: dict[str, Callable[[Path], object]] = {
    "files": clean,
    "folder": remove_folder,
    "socket": remove("control.sock"),
    "lock": remove("lock"),
    "node.json": remove("node.json"),
    "socket renamed": rename("control.sock"),
    "lock renamed": rename("lock"),
    "socket closed to all": lambda folder: (folder / "control.sock").chmod(0),
    "folder renamed": lambda folder: folder.rename(folder.with_name("away")),
    "folder moved": lambda folder: folder.rename(f"{folder.parent}-away"),
    "all removed": lambda folder: remove_folder(folder.parent),
    "all renamed": lambda folder: folder.parent.rename(f"{folder.parent}-gone"),
    "all open": lambda folder: open_to_all(folder.parent),
    "replaced by a file": replace_by_file,
    "replaced by a link": replace_by_link,
    "closed": close_to_all,
    "open": open_to_all,
}


def refused(nodes: Nodes, first: NodeUnderTest) -> None:
    """Start a second node of that name; see it refused."""
    with nodes.command(TREE) as (_, command, fd):
        # Not by the harness, which makes the folder.
        second = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, pass_fds=[fd], check=False
        )
    assert second.returncode == 1
    assert f"already running with pid {first.pid}" in second.stderr


def restored(node: NodeUnderTest, times: int = 1) -> None:
    node.says("(?s)" + "now put back: .*" * times)


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    return nodes.run(TREE)


@pytest.fixture(autouse=True)
def nothing_left(nodes: Nodes) -> Iterator[None]:
    """Remove what a test has moved out of the way."""
    yield
    others = [path for path in nodes.place.iterdir() if path.name != "app"]
    for path in (*nodes.place.parent.glob(f"{nodes.place.name}-*"), *others):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def test_what_is_removed_comes_back(nodes: Nodes, node: NodeUnderTest) -> None:
    node.call("a", "increment")
    gateway, root = node.pids()["@gateway"], node.pids()[""]
    for times, (what, removal) in enumerate(REMOVALS.items(), 1):
        removal(node.folder)
        restored(node, times)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (nodes.place, node.folder)]
        assert modes == [0o700, 0o700], what
        assert stat.S_IMODE((node.folder / "control.sock").stat().st_mode) == 0o600, what
        assert node.call("a", "get_count") == times, what  # over the link that was there before
        node.disconnect()
        assert node.call("a", "increment") == times + 1, what  # by way of the new socket
        assert node_names() == ["app"], what
    assert (node.client["@gateway"].pid, node.client[""].pid) == (gateway, root)
    refused(nodes, node)


@pytest.mark.parametrize("what", ["lock", "folder", "folder renamed"])
def test_a_second_node_is_refused_meanwhile(nodes: Nodes, node: NodeUnderTest, what: str) -> None:
    REMOVALS[what](node.folder)
    if what == "folder":
        words = f"'app' runs with pid {node.pid}, but somebody has removed its files"
        with pytest.raises(NodeNotFound, match=words):
            connect("app")
    refused(nodes, node)
    restored(node)
    node.disconnect()
    assert node.call("a", "increment") == 1


def test_files_that_are_removed_again_come_back_again(nodes: Nodes, node: NodeUnderTest) -> None:
    for times in (1, 2, 3):
        shutil.rmtree(nodes.place)
        restored(node, times)
        node.disconnect()
        assert node.call("a", "increment") == times


def test_a_folder_that_was_renamed_comes_back(nodes: Nodes, node: NodeUnderTest) -> None:
    """Its lock is locked already: by the node itself."""
    away = node.folder.rename(node.folder.with_name("away"))
    restored(node)
    again = node.folder.rename(node.folder.with_name("again"))
    away.rename(node.folder)
    shutil.rmtree(again)
    restored(node, 2)
    node.disconnect()
    assert node.call("a", "increment") == 1
    refused(nodes, node)


def test_a_file_system_mounted_over_it(nodes: Nodes, tmp_path: Path) -> None:
    """As that of /run/user/<uid> at a login: no file is removed then, all are hidden."""
    place = tmp_path / "user"
    node = nodes.otpy_run(nodes.write(TREE), "app", env={"OTPY_DIR": str(place / "otpy")})
    node.says("app is up")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount")
    try:
        restored(node)
        assert (place / "otpy" / "app" / "control.sock").is_socket()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
    restored(node, 2)
    assert (place / "otpy" / "app" / "control.sock").is_socket()


def test_the_next_gateway_listens_at_the_new_socket(nodes: Nodes, node: NodeUnderTest) -> None:
    remove_folder(node.folder)
    restored(node)
    os.kill(node.client["@gateway"].pid, 9)
    node.disconnect()
    assert node.call("a", "increment") == 1


def test_what_is_removed_while_no_gateway_runs(nodes: Nodes, node: NodeUnderTest) -> None:
    gateway = node.pids()["@gateway"]
    remove_folder(node.folder)
    os.kill(gateway, 9)
    restored(node)
    node.disconnect()
    assert node.call("a", "increment") == 1


def test_a_directory_that_moved_behind_a_link_is_left_there(
    nodes: Nodes, node: NodeUnderTest
) -> None:
    move_behind_link(node.folder)
    node.disconnect()
    assert node.call("a", "increment") == 1
    refused(nodes, node)
    assert node.folder.is_symlink()
    assert node.stop() == 0
    node.folder.unlink()


def test_a_link_that_leads_elsewhere_now(nodes: Nodes, tmp_path: Path) -> None:
    """Releases rotate: $OTPY_DIR lies below the link `current`."""
    for release in ("one", "two"):
        (tmp_path / release).mkdir()
    current = tmp_path / "current"
    current.symlink_to("one")
    place = current / "run"
    node = nodes.otpy_run(nodes.write(TREE), "app", env={"OTPY_DIR": str(place)})
    node.says("app is up")
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(current)
    restored(node)
    assert (tmp_path / "two" / "run" / "app" / "control.sock").is_socket()


def test_a_whole_directory_goes_with_its_parents(nodes: Nodes, tmp_path: Path) -> None:
    """As /run/user/<uid> does when the last session ends."""
    place = tmp_path / "user" / "1000" / "otpy"
    node = nodes.otpy_run(nodes.write(TREE), "app", env={"OTPY_DIR": str(place)})
    node.says("app is up")
    shutil.rmtree(tmp_path / "user")
    restored(node)
    assert (place / "app" / "control.sock").is_socket()
    (tmp_path / "user").rename(tmp_path / "elsewhere")
    restored(node, 2)
    assert (place / "app" / "control.sock").is_socket()


def test_a_stopping_node_removes_only_what_is_its_own(nodes: Nodes, node: NodeUnderTest) -> None:
    """2.1: it unlinked the socket of another one."""
    assert node.stop() == 0
    assert not (node.folder / "control.sock").exists()
    node = nodes.run(TREE)
    os.kill(node.pid, 19)  # it puts nothing back
    for name in ("control.sock", "node.json"):
        (node.folder / name).unlink()
        (node.folder / name).write_text("another one's")
    node.send(15)
    os.kill(node.pid, 18)
    assert node.wait() == 0
    left = [(node.folder / name) for name in ("control.sock", "node.json")]
    assert [path.read_text() for path in left] == ["another one's"] * 2
    for path in left:
        path.unlink()


def test_the_next_run_waits_for_the_rest_of_a_tree_whose_lock_was_removed(nodes: Nodes) -> None:
    """The lock that its processes hold is a deleted file's; their claim on the name is not."""
    first = nodes.run(TREE)
    shutil.rmtree(first.folder)
    restored(first)
    root = first.pids()[""]
    os.kill(root, 19)
    first.kill("@node")
    first.wait()
    second = nodes.start(TREE)
    second.complains("waiting for what is left of the last node")
    os.kill(root, 18)
    second.up()
    assert second.call("a", "get_count") == 0


def test_systemds_cleaner_finds_the_directories_locked(nodes: Nodes, node: NodeUnderTest) -> None:
    """tmpfiles.d(5): what is locked is left alone, with all that is in it."""
    for path in (nodes.place, node.folder):
        fd = os.open(path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)


def test_it_complains_once_and_goes_on_trying(nodes: Nodes, node: NodeUnderTest) -> None:
    place = nodes.place
    place.rename(f"{place}-away")
    place.write_text("in the way")
    node.says("cannot put back the node's files: .*not a directory")
    place.unlink()
    restored(node)
    node.disconnect()
    assert node.call("a", "increment") == 1
    assert node.output.count("cannot put back") == 1


def test_another_users_claim_keeps_nobody_away(nodes: Nodes) -> None:
    """Anybody can bind an abstract address: one that does not listen is not a node's."""
    nodes.place.mkdir(exist_ok=True)
    addresses = Claim(NodeDir("app"))._addresses.values()
    with contextlib.ExitStack() as stack:
        for address in addresses:
            sock = stack.enter_context(socket.socket(socket.AF_UNIX))
            sock.bind(address)
        node = nodes.run(TREE)
        assert node.call("a", "increment") == 1
        refused(nodes, node)


def test_a_claim_is_free_once_it_is_released(nodes: Nodes) -> None:
    first, second = Claim(NodeDir("app")), Claim(NodeDir("app"))
    assert first.take()
    assert first.take()
    assert first.holder() is None
    assert second.holder() == os.getpid()
    assert not second.take()
    assert Claim(NodeDir("other")).holder() is None
    first.release()
    assert second.take()
    second.release()


def test_the_journal_goes_on_in_a_new_file(nodes: Nodes, node: NodeUnderTest) -> None:
    """2.3."""
    remove_folder(node.folder)
    restored(node)
    node.kill("a")
    node.says("a: started again")
    text = (node.folder / "events.jsonl").read_text()
    assert FilesRestored.__name__ in text
    assert ChildEnded.__name__ in text
