"""The ends of processes on their own: what is kept of them, whatever loops beside it (10.8)."""

import errno
import os
from pathlib import Path

import pytest

from otpy.client.ends import read_ends
from otpy.runtime.node import end_store
from otpy.runtime.node.end_store import EndStore
from otpy.wire.ends import KEPT, End, Then, files_in


def end(path: str, incarnation: int, output: str = "", at: float | None = None) -> End:
    return End(
        path=path,
        at=float(incarnation) if at is None else at,
        boot="b",
        kind="worker",
        reason="killed",
        incarnation=incarnation,
        output=output,
    )


def incarnations(folder: Path, path: str) -> list[int]:
    return [one.incarnation for one in read_ends(folder, path)]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_in(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ends"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the limits."""
    monkeypatch.setattr(end_store, "MAX_BYTES", 600_000)
    monkeypatch.setattr(end_store, "MAX_WANTED", 400_000)
    monkeypatch.setattr(end_store, "_FILE", 10_000)
    monkeypatch.setattr(end_store, "_SMALL", 40_000)


def test_fifty_thousand_ends_of_one_push_out_none_of_another(folder: Path) -> None:
    store = EndStore(folder)
    for number in range(1, 4):
        store.add(end("quiet", number))
        store.follow("quiet", Then(did="restarted", at=number + 0.5, incarnation=number + 1))
    for number in range(1, 50_001):
        store.add(end("loop", number, "x" * 400))
        store.follow("loop", Then(did="restarted", at=number + 0.5, incarnation=number + 1))
        if not number % 50:
            store.flush()
    assert incarnations(folder, "quiet") == [1, 2, 3]
    assert incarnations(folder, "loop") == [*range(50_001 - KEPT, 50_001)]
    last = read_ends(folder, "loop")[-1]
    assert last.then is not None
    assert last.then.incarnation == 50_001
    assert size(folder) < 6 << 20


def test_what_was_kept_is_kept_by_the_next_run(folder: Path, small: None) -> None:
    """Also of what was copied behind newer lines when its file was removed."""
    for run in range(10):
        store = EndStore(folder)
        for number in range(run * 30 + 1, run * 30 + 31):
            store.add(end("loop", number, "x" * 1000))
            store.add(end("other", number))
            store.follow("other", Then(did="restarting", at=0.0))
            store.follow("other", Then(did="restarted", at=0.0, incarnation=number + 1))
            store.flush()
        if run == 0:
            store.add(end("quiet", 7))
            store.follow("quiet", Then(did="stopped", at=1.0))
            store.flush()
    assert incarnations(folder, "quiet") == [7]
    assert incarnations(folder, "loop") == incarnations(folder, "other") == [*range(281, 301)]
    assert [e.then.incarnation for e in read_ends(folder, "other") if e.then] == [*range(282, 302)]
    (quiet,) = read_ends(folder, "quiet")
    assert quiet.then == Then(did="stopped", at=1.0)


def test_all_together_are_bounded_and_those_with_most_lose(folder: Path, small: None) -> None:
    """Of a hundred loopers below one supervisor, and of children that come and go."""
    store = EndStore(folder)
    store.add(end("quiet", 1))
    store.add(end("pool/quiet", 1))
    for number in range(1, KEPT + 1):
        for child in range(100):
            store.add(end(f"pool/{child}", number, "x" * 1000))
            store.flush()
    for task in range(3000):
        store.add(end(f"task-{task}", 1, "x" * 100))
        store.follow(f"task-{task}", Then(did="removed", at=0.0))
        store.flush()
    assert size(folder) <= 700_000
    assert incarnations(folder, "quiet") == [1]
    assert incarnations(folder, "pool/quiet") == [1]
    left = [len(incarnations(folder, f"pool/{child}")) for child in range(100)]
    assert min(left) >= 1
    assert incarnations(folder, "task-2999") == [1]
    assert incarnations(folder, "task-0") == []


def test_half_a_line_is_left_out(folder: Path) -> None:
    """What a machine that crashed has left; the next run goes on behind it."""
    store = EndStore(folder)
    store.add(end("a", 1))
    store.flush()
    (file,) = files_in(folder)
    with file.open("ab") as torn:
        torn.write(b'{"path":"a","number":2,"end":{"pa')
    assert incarnations(folder, "a") == [1]
    store = EndStore(folder)
    store.add(end("a", 3))
    store.flush()
    assert incarnations(folder, "a") == [1, 3]
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_files_that_are_removed_are_made_again(folder: Path) -> None:
    store = EndStore(folder)
    store.add(end("a", 1))
    store.flush()
    for file in files_in(folder):
        file.unlink()
    folder.rmdir()
    store.add(end("a", 2))
    store.flush()
    assert incarnations(folder, "a") == [2]


def test_a_full_disk_costs_the_record_and_is_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EndStore(folder)
    said: list[str] = []
    store.complain = said.append

    def full(_fd: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for number in range(1, 4):
            store.add(end("a", number))
            store.flush()
    assert said == [f"{folder}: No space left on device"]
    store.add(end("a", 4))
    store.flush()
    assert incarnations(folder, "a") == [1, 2, 3, 4]
