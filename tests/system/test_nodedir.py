"""Where nodes keep their files, and who may not have been there before."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.errors import RuntimeDirError
from otpy.system import nodedir
from otpy.system.nodedir import NodeDir, node_names, read_node_json, runtime_dir


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "o"
    monkeypatch.setenv("OTPY_DIR", str(path))
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands for /run; the user is not root."""
    monkeypatch.setattr(nodedir, "_RUN", tmp_path)
    monkeypatch.setattr(nodedir, "_is_root", lambda: False)
    monkeypatch.delenv("OTPY_DIR", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path


def test_the_environment_names_the_directory(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTPY_DIR", str(run / "mine"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    assert runtime_dir() == run / "mine"
    monkeypatch.setenv("OTPY_DIR", "")
    assert runtime_dir() == run / "otpy"


def test_a_service_and_a_login_of_one_user_meet(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """2.2: only the login has XDG_RUNTIME_DIR."""
    user = os.geteuid()
    assert runtime_dir() == Path(f"/tmp/otpy-{user}")
    own = run / "user" / str(user)
    own.mkdir(parents=True)
    assert runtime_dir() == own / "otpy"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    assert runtime_dir() == own / "otpy"


def test_a_session_directory_that_is_none_is_not_taken(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = os.geteuid()
    (run / "user").mkdir()
    (run / "user" / str(user)).touch()
    assert runtime_dir() == Path(f"/tmp/otpy-{user}")


def test_all_of_roots_nodes_are_in_one_directory(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.2: `sudo` keeps XDG_RUNTIME_DIR or not; the node is found either way."""
    monkeypatch.setattr(nodedir, "_is_root", lambda: True)
    assert runtime_dir() == run / "otpy"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run / "session"))
    assert runtime_dir() == run / "otpy"


def test_a_relative_directory_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTPY_DIR", "here")
    assert runtime_dir() == tmp_path / "here"


def test_looking_creates_nothing(path: Path) -> None:
    assert runtime_dir() == path
    assert node_names() == []
    assert not NodeDir("shop").running
    assert not path.exists()


def test_it_is_made_for_its_user_alone(path: Path, umask: None) -> None:
    directory = NodeDir("shop")
    directory.create()
    directory.create()
    for made in (path, directory.path, directory.log):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert directory.control_sock == path / "shop" / "control.sock"
    assert directory.lock == path / "shop" / "lock"
    assert directory.node_json == path / "shop" / "node.json"
    assert directory.events == path / "shop" / "events.jsonl"
    assert directory.log == path / "shop" / "log"


def test_a_file_in_its_place_is_refused(path: Path) -> None:
    path.touch(0o700)
    with pytest.raises(RuntimeDirError, match=r"o: is not a directory, expected .* OTPY_DIR"):
        runtime_dir()
    with pytest.raises(RuntimeDirError, match="is not a directory"):
        runtime_dir(create=True)
    with pytest.raises(RuntimeDirError, match="is not a directory"):
        node_names()


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_directory_open_to_others_is_refused(path: Path, mode: int) -> None:
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(RuntimeDirError, match=rf"mode 0{mode:o}, expected 0700; run `chmod 700"):
        runtime_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_somebody_else_is_refused(path: Path, tmp_path: Path) -> None:
    path.mkdir(0o700)
    os.chown(path, 12345, 12345)
    with pytest.raises(RuntimeDirError, match="o: belongs to user 12345, expected user 0"):
        runtime_dir()
    path.rmdir()
    real = tmp_path / "real"
    real.mkdir(0o700)
    path.symlink_to(real)
    os.lchown(path, 12345, 12345)
    with pytest.raises(RuntimeDirError, match="is a symbolic link of user 12345, expected"):
        runtime_dir()


def test_an_own_link_to_an_own_directory_will_do(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(0o700)
    path.symlink_to(real)
    assert runtime_dir(create=True) == path
    real.chmod(0o755)
    with pytest.raises(RuntimeDirError, match="is open to others"):
        runtime_dir()


@pytest.mark.parametrize("below", ["r", "a/r", "a/b/c/r"])
@pytest.mark.parametrize("mode", [0o777, 0o757, 0o722])
def test_a_parent_that_others_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, mode: int
) -> None:
    """5.7: they could put another directory in the place of ours."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)
    monkeypatch.setenv("OTPY_DIR", str(tmp_path / "open" / below))
    words = rf"open: others may write there, with mode 0{mode:o} and not sticky.* set OTPY_DIR"
    for create in (True, False):
        with pytest.raises(RuntimeDirError, match=words):
            runtime_dir(create=create)
    assert list((tmp_path / "open").iterdir()) == []
    (tmp_path / "open").chmod(mode | stat.S_ISVTX)
    assert runtime_dir(create=True).is_dir()


def test_where_a_link_leads_is_looked_at_too(path: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "real").mkdir(0o700)
    path.symlink_to(tmp_path / "open" / "real")
    assert runtime_dir() == path
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(RuntimeDirError, match="open: others may write there"):
        runtime_dir()


def test_a_group_of_ones_own_may_write(path: Path, tmp_path: Path) -> None:
    """With umask 002 every directory is so."""
    tmp_path.chmod(0o770)
    assert runtime_dir(create=True) == path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_somebody_else_has_put_into_a_sticky_directory_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foreign").mkdir()
    os.chown(tmp_path / "foreign", 12345, 12345)
    tmp_path.chmod(0o1777)
    monkeypatch.setenv("OTPY_DIR", str(tmp_path / "foreign" / "r"))
    with pytest.raises(RuntimeDirError, match="foreign: belongs to user 12345, who may replace"):
        runtime_dir(create=True)


def test_parents_are_made_for_nobody_else_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: None
) -> None:
    """5.7: whatever the umask is."""
    monkeypatch.setenv("OTPY_DIR", str(tmp_path / "a" / "b" / "o"))
    runtime_dir(create=True)
    modes = [stat.S_IMODE((tmp_path / each).stat().st_mode) for each in ("a", "a/b", "a/b/o")]
    assert modes == [0o755, 0o755, 0o700]


def test_a_place_where_nothing_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTPY_DIR", "/proc/otpy")
    with pytest.raises(RuntimeDirError, match=r"/proc/otpy: cannot be made: .*; set OTPY_DIR to"):
        runtime_dir(create=True)


def test_something_in_the_way_of_a_node(path: Path) -> None:
    runtime_dir(create=True)
    (path / "shop").touch()
    with pytest.raises(RuntimeDirError, match="shop: cannot be made: File exists"):
        NodeDir("shop").create()


def test_a_path_too_long_for_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTPY_DIR", "/" + "x" * (107 - len("//n/control.sock")))
    assert len(str(NodeDir("n").control_sock)) == 107
    with pytest.raises(RuntimeDirError, match=r"has 108 bytes, .* may have 107; set OTPY_DIR"):
        NodeDir("nn")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_a_name_that_is_no_folder_is_refused(path: Path, name: str) -> None:
    with pytest.raises(RuntimeDirError, match="cannot be a node's name"):
        NodeDir(name)


def test_a_node_runs_while_anybody_holds_its_lock(path: Path) -> None:
    for name in ("b", "a", "dead", "never"):
        NodeDir(name).create()
    NodeDir("dead").lock.touch()
    (path / "a file").touch()
    held = [os.open(NodeDir(name).lock, os.O_RDWR | os.O_CREAT) for name in ("a", "b")]
    for fd in held:
        fcntl.flock(fd, fcntl.LOCK_EX)
    assert node_names() == ["a", "b"]
    shared = os.dup(held[0])
    os.close(held[0])
    assert node_names() == ["a", "b"]
    os.close(shared)
    assert node_names() == ["b"]
    os.close(held[1])
    assert node_names() == []
    assert not NodeDir("never").lock.exists()


def test_looking_does_not_take_the_lock(path: Path) -> None:
    directory = NodeDir("shop")
    directory.create()
    directory.lock.touch()
    assert not directory.running
    fd = os.open(directory.lock, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert directory.running
    os.close(fd)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"null"])
def test_a_malformed_node_json_says_nothing(path: Path, content: bytes) -> None:
    directory = NodeDir("shop")
    directory.create()
    assert read_node_json("shop") == {}
    directory.node_json.write_bytes(content)
    assert read_node_json("shop") == {}


def test_node_json_is_read(path: Path) -> None:
    directory = NodeDir("shop")
    directory.create()
    directory.node_json.write_text('{"pid": 7}')
    assert read_node_json("shop") == {"pid": 7}
    assert directory.read_node_json() == {"pid": 7}
