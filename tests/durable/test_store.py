"""What every store promises; the same tests for each."""

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from otpy.durable.sqlite_store import SqliteStore
from otpy.durable.store import Changes, KeptAnswer, Loaded, Store, StoredTimer
from otpy.errors import StorageError

Opened: TypeAlias = Callable[[], Store]

FIRST = Changes(version=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "a.state"


@pytest.fixture
def store(file: Path) -> Opened:
    return lambda: SqliteStore(file)


def loaded(store: Opened) -> Loaded:
    with closing(store()) as opened:
        return opened.open()


def test_a_new_one_has_no_state(store: Opened) -> None:
    assert loaded(store) == Loaded()
    assert loaded(store) == Loaded(), "to be opened is no state"


def test_attributes_are_set_changed_and_deleted(store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        one.commit({"a": b"1", "b": b"2", "c": b"3"}, FIRST)
        one.commit({"a": b"10"}, None)
        one.commit({"b": None, "c": b"30", "d": b"4"}, None)
    assert loaded(store) == Loaded(1, {"a": b"10", "c": b"30", "d": b"4"})


def test_what_was_not_committed_never_was(store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        one.commit({}, FIRST)
        one.put_row("t", b"k", b"v")
        one.rollback()
        assert one.get_row("t", b"k") is None
        one.put_row("t", b"l", b"v")
    with closing(store()) as other:
        assert other.open() == Loaded(1)
        assert other.count_rows("t") == 0


def test_rows_are_in_order_and_of_their_table(store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        for number in (3, 1, 2, 255):
            assert one.put_row("t", bytes([number]), b"v%d" % number)
        assert not one.put_row("t", b"\x02", b"new")
        one.put_row("other", b"\x01", b"x")
        one.commit({}, FIRST)
        assert one.count_rows("t") == 4
        rows = [(b"\x01", b"v1"), (b"\x02", b"new"), (b"\x03", b"v3"), (b"\xff", b"v255")]
        assert list(one.rows("t")) == rows
        assert list(one.rows("t", reverse=True)) == rows[::-1]
        assert list(one.rows("t", b"\x02", b"\xff")) == rows[1:3]
        assert list(one.rows("t", b"\x02", b"\xff", reverse=True)) == rows[2:0:-1]
        assert one.delete_row("t", b"\x01")
        assert not one.delete_row("t", b"\x01")
        one.delete_rows("other")
        one.commit({}, None)
    with closing(store()) as other:
        other.open()
        assert list(other.rows("t")) == rows[1:]
        assert list(other.rows("other")) == []


def test_a_table_may_change_while_it_is_read(store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        for number in range(600):
            one.put_row("t", number.to_bytes(2, "big"), b"")
        seen = []
        for key, _ in one.rows("t"):
            seen.append(key)
            one.delete_row("t", key)
        assert len(seen) == 600
        assert one.count_rows("t") == 0


def test_timers_are_kept_until_they_are_handled(store: Opened) -> None:
    late, early = StoredTimer(1, 200.0, b"late"), StoredTimer(2, 100.0, b"early")
    with closing(store()) as one:
        one.open()
        one.commit({}, Changes(version=1, timers=[late, early]))
    with closing(store()) as two:
        assert two.open().timers == (early, late)
        two.commit({}, Changes(fired=[2]))
    assert loaded(store).timers == (late,)


def test_answers_are_kept_and_forgotten(store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        answers = [KeptAnswer(b"a", number, b"%d" % number) for number in range(1, 6)]
        one.commit({}, Changes(version=1, answers=[*answers, KeptAnswer(b"b", 1, b"other")]))
        one.commit({}, Changes(answers=[KeptAnswer(b"a", 5, b"five")]))
        assert one.kept_answer(b"a", 5) == b"five"
        assert one.kept_answer(b"b", 1) == b"other"
        assert one.kept_answer(b"c", 1) is None
        one.forget_answers(b"a", 3, float("inf"))
        one.commit({}, None)
        assert [one.kept_answer(b"a", number) for number in (3, 4)] == [None, b"4"]
        one.forget_answers(b"a", 9, 0.0)
        assert one.kept_answer(b"a", 4) == b"4", "it is too young"
        one.forget_sessions(float("inf"))
        one.commit({}, None)
        assert one.kept_answer(b"b", 1) is None


def test_reset_forgets_all_of_it(store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        one.put_row("t", b"k", b"v")
        one.commit({"a": b"1"}, Changes(version=3, timers=[StoredTimer(1, 1.0, b"")]))
        one.reset()
        one.commit({}, None)
    with closing(store()) as two:
        assert two.open() == Loaded()
        assert two.count_rows("t") == 0


HOLD = """
import sys
from pathlib import Path
from otpy.durable.sqlite_store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
store.open()
print("open", flush=True)
sys.stdin.read()
"""


def test_no_two_processes_have_it_open(file: Path, store: Opened) -> None:
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        one = SqliteStore(file, wait=0.0)
        with closing(one), pytest.raises(StorageError, match="another process has"):
            one.open()
        other.kill()
        other.wait()
        assert loaded(store) == Loaded(), "the kernel has freed it"


def test_a_process_waits_for_one_that_is_being_killed(file: Path, store: Opened) -> None:
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        assert other.stdin is not None
        with closing(store()) as one:
            # It ends when this is read; the lock is waited for.
            other.stdin.close()
            one.open()


def test_a_forked_process_leaves_it_to_its_parent(file: Path, store: Opened) -> None:
    one = store()
    one.open()
    one.commit({"a": b"1"}, FIRST)
    log = file.with_name(file.name + "-wal")
    before = log.read_bytes()
    if (pid := os.fork()) == 0:
        one = None  # type: ignore[assignment]
        gc.collect()
        os._exit(0)
    os.waitpid(pid, 0)
    assert log.read_bytes() == before
    with closing(one):
        one.commit({"a": b"2"}, None)
    assert loaded(store).attributes == {"a": b"2"}


# --- a file ---------------------------------------------------------------------------------------


def test_it_is_the_owners_alone(file: Path, store: Opened) -> None:
    os.umask(os.umask(0o022))
    loaded(store)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", [b"", b"SQLite", b"something else" * 1000])
def test_a_damaged_file_is_left_as_it_is(file: Path, store: Opened, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"the state is damaged.*left as it is.*durable reset"):
        loaded(store)
    assert file.read_bytes() == content


def test_a_file_that_is_damaged_inside_is_never_answered_from(file: Path, store: Opened) -> None:
    with closing(store()) as one:
        one.open()
        for number in range(2000):
            one.put_row("t", number.to_bytes(2, "big"), b"x" * 100)
        one.commit({"a": b"1"}, FIRST)
    data = bytearray(file.read_bytes())
    data[4096:-4096] = os.urandom(len(data) - 8192)
    file.write_bytes(data)

    def read_all() -> None:
        with closing(store()) as one:
            one.open()
            list(one.rows("t"))

    with pytest.raises(StorageError, match="damaged"):
        read_all()


def test_a_database_of_something_else_is_none_of_ours(file: Path, store: Opened) -> None:
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE users (name TEXT)")
    with pytest.raises(StorageError, match="a database of something else, no state"):
        loaded(store)


def test_a_format_of_another_version_is_told(file: Path, store: Opened) -> None:
    loaded(store)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("UPDATE facts SET value = 99")
    with pytest.raises(StorageError, match=r"format 99.*another version of otpy"):
        loaded(store)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        SqliteStore(tmp_path / "folder" / "a.state").open()


def test_a_full_disk_is_told_and_nothing_is_committed(file: Path, store: Opened) -> None:
    import resource

    with closing(store()) as one:
        one.open()
        one.commit({"a": b"1"}, FIRST)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
        try:
            with pytest.raises(StorageError, match="disk"):
                one.commit({"a": b"2" * 1_000_000}, None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert loaded(store) == Loaded(1, {"a": b"1"})
