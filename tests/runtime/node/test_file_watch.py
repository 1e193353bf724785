"""What the watch over a node's files does when it cannot do its work at once (2.1)."""

import errno
import os
from pathlib import Path
from typing import cast

import pytest

from otpy.runtime.node import file_watch
from otpy.runtime.node.file_watch import FileWatch
from otpy.runtime.node.node_files import NodeFiles
from otpy.system.loop import Loop


class Files:
    """One file in a folder, which cannot be put back as often as it is told."""

    def __init__(self, path: Path, failures: list[int]) -> None:
        self._path, self._failures = path, failures
        self.listener = object()

    def missing(self) -> list[str]:
        return [] if self._path.exists() else [self._path.name]

    def restore(self) -> None:
        if self._failures:
            number = self._failures.pop(0)
            raise OSError(number, os.strerror(number))
        self._path.touch()

    def watched(self) -> list[tuple[Path, int]]:
        return [(self._path.parent, 0x200)]  # IN_DELETE


class Watched:
    """A watch over a file, and what it said."""

    def __init__(self, path: Path, *failures: int) -> None:
        self.loop, self.path = Loop(), path
        path.touch()
        self.restored: list[tuple[tuple[str, ...], bool]] = []
        self.complaints: list[str] = []
        files = cast("NodeFiles", Files(path, list(failures)))
        self.watch = FileWatch(files, self.loop, self._on_restored, self.complaints.append)
        self.watch.start()

    def _on_restored(self, files: tuple[str, ...], listens_anew: bool) -> None:
        self.restored.append((files, listens_anew))
        self.loop.stop()

    def lose(self) -> None:
        """Remove the file, and wait until it is back."""
        self.path.unlink()
        self.loop._running = True
        self.loop.run()

    def close(self) -> None:
        for descriptor in (self.watch._inotify, self.watch._mounts):
            if descriptor is not None:
                descriptor.close()
        self.loop.close()


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_watch, "_QUIET_S", 0.001)
    monkeypatch.setattr(file_watch, "_FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(file_watch, "_WITHOUT_WATCH_S", 0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_what_cannot_be_put_back_is_tried_again_and_told_once(path: Path) -> None:
    watched = Watched(path, errno.ENOSPC, errno.ENOSPC, errno.EACCES, errno.ENOSPC)
    watched.lose()
    assert path.exists()
    assert watched.restored == [(("file",), False)]
    assert [complaint.rpartition("] ")[2] for complaint in watched.complaints] == [
        *("No space left on device", "Permission denied", "No space left on device")
    ]
    watched.lose()
    assert len(watched.restored) == 2
    watched.close()


def test_without_inotify_it_looks_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user has 128 instances, and editors take some."""

    def refuse() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(file_watch, "Inotify", refuse)
        watched = Watched(path)
        watched.lose()
        watched.lose()
    assert len(watched.restored) == 2
    (complaint,) = set(watched.complaints)
    assert complaint.startswith("cannot watch the node's files, looking every 0.05 s")
    watched.lose()
    assert watched.watch._inotify is not None
    watched.close()
