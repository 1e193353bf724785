"""10.7: what the logger writes into files, and what it leaves when it is killed at any step."""

import errno
import os
import random
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from otpy.runtime.logger import files as files_module
from otpy.runtime.logger.files import LogFiles
from otpy.runtime.logger.journal import Journal
from otpy.runtime.logger.logger import LogSocket
from otpy.runtime.logger.writer import LogWriter
from otpy.runtime.node_log import NodeLog, Source
from otpy.system.loop import Loop
from otpy.system.sockets import MESSAGES, Socket
from otpy.wire.log_files import log_file_name, read_index, rotated
from otpy.wire.log_message import LogMessage, Piece, Target, numbers, pieces
from otpy.wire.log_record import LogRecord, parse_json, records

AT = 1_795_823_043.123
number = numbers()


def message(path: str, lines: bytes, target: Target | None = None, **more: Any) -> LogMessage:
    return LogMessage(number(), target or Target(), AT, path, 1, "out", lines, **more)


def read(file: Path) -> list[LogRecord | bytes]:
    data = b"".join(each.read_bytes() for each in rotated(file))
    return list(records(data.removesuffix(b"\n").split(b"\n")))


def read_texts(file: Path) -> list[str]:
    found = read(file)
    assert all(isinstance(each, LogRecord) for each in found), found
    return [each.text for each in found if isinstance(each, LogRecord)]


class Log:
    """A log without processes: what was warned of is in `warnings`."""

    def __init__(self, folder: Path, most: int = 1 << 30) -> None:
        self.folder, self.journal, self.warnings = folder, Journal(), list[str]()
        self.files = LogFiles(folder, most)
        self.writer = LogWriter(self.files, self.journal, self.warnings.append)

    def write(self, path: str, lines: bytes, target: Target | None = None, **more: Any) -> None:
        self.writer.write(message(path, lines, target, **more))

    def file(self, path: str) -> Path:
        return self.folder / log_file_name(path)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path)
    yield made
    made.writer.close()


# ---- killed anywhere ---------------------------------------------------------------------------


class Killed(BaseException):
    """The logger is killed here."""


class Killer:
    """Kills a writer at some of its system calls, before them, after them, or in their midst."""

    def __init__(self, seed: int) -> None:
        self.random, self.kills = random.Random(seed), 0

    def strike(self) -> None:
        if self.random.random() < 0.2:
            self.kills += 1
            raise Killed

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any) -> Any:
            self.strike()
            result = call(*args)
            self.strike()
            return result

        return called

    def write(self, fd: int, data: Any) -> int:
        """As a write to a disk that is nearly full, or cut short by the signal."""
        self.strike()
        part = self.random.choice([len(data), len(data), max(1, len(data) // 2)])
        written = _write(fd, data[:part])
        self.strike()
        return written


_write = os.write


@pytest.mark.parametrize("seed", range(20))
def test_each_line_is_there_once_wherever_the_logger_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    killer = Killer(seed)
    monkeypatch.setattr(os, "write", killer.write)
    monkeypatch.setattr(Path, "replace", killer.around(Path.replace))
    monkeypatch.setattr(Journal, "store", killer.around(Journal.store))
    socket = LogSocket(tmp_path)
    sender = Socket(socket.writer.duplicate(), MESSAGES)
    target = Target(max_size=600, keep=10_000)
    expected: dict[str, list[str]] = {"a": [], "b": []}
    writer = socket.new_writer()
    for turn in range(60):
        path = killer.random.choice("ab")
        lines = [f"{turn}.{n} {'x' * killer.random.randrange(60)}" for n in range(turn % 15 + 1)]
        expected[path] += lines
        data = "".join(f"{line}\n" for line in lines).encode()
        sender.send(msgspec.msgpack.encode(message(path, data, target)))
        while True:
            try:
                socket.drain(writer)
                break
            except Killed:
                writer.close()
                writer = socket.new_writer()
    writer.close()
    sender.close()
    socket.close()
    assert killer.kills > 20
    for path, lines in expected.items():
        assert read_texts(tmp_path / log_file_name(path)) == lines
        for file in rotated(tmp_path / log_file_name(path)):
            assert file.stat().st_size <= 600


def test_what_the_last_logger_left_is_written_by_the_node(tmp_path: Path) -> None:
    socket = LogSocket(tmp_path)
    with Socket(socket.writer.duplicate(), MESSAGES) as sender:
        sender.send(msgspec.msgpack.encode(message("a", b"one\ntwo\n")))
        writer = socket.new_writer()
        socket.drain(writer)
        writer.close()
    socket.close()
    assert read_texts(tmp_path / "a.log") == ["one", "two"]


def test_what_had_no_room_in_the_socket_is_written_by_the_node(tmp_path: Path) -> None:
    socket, loop = LogSocket(tmp_path), Loop()
    log = NodeLog(loop, socket.writer.fileno(), Source("@node", 1))
    texts = [f"{number} {'x' * 1000}" for number in range(1000)]
    for text in texts:
        log.say(text)
    assert not log.flush()
    socket.finish(log)
    assert log.flush()
    log.close()
    loop.close()
    socket.close()
    assert read_texts(tmp_path / "@node.log") == texts


# ---- forms -------------------------------------------------------------------------------------


def test_json_is_an_object_a_line(log: Log) -> None:
    log.write("a", b"\xff \x1b[2J\n", Target(is_json=True))
    log.write("a", b"half", Target(is_json=True), split=True)
    data = log.file("a").read_bytes()
    assert data.count(b"\n") == 2
    first, second = (parse_json(line) for line in data.splitlines())
    assert first == LogRecord(AT, "a", 1, "out", "\\xff \x1b[2J")
    assert second is not None
    assert second.split


def test_a_line_that_was_split_is_marked(log: Log) -> None:
    found, rest = pieces(b"x" * 70_000 + b"\nshort\nrest")
    assert rest == b"rest"
    assert [(len(piece.lines), piece.split) for piece in found] == [(65537, True), (4471, False)]
    for piece in found:
        log.write("a", piece.lines, split=piece.split)
    first, second, third = read(log.file("a"))
    assert isinstance(first, LogRecord)
    assert first.split
    assert isinstance(second, LogRecord)
    assert not second.split
    assert first.text + second.text == "x" * 70_000
    assert isinstance(third, LogRecord)
    assert third.text == "short"


def test_a_line_is_split_between_characters() -> None:
    found, rest = pieces("é".encode() * 40_000)
    assert [Piece.split for Piece in found] == [True]
    assert (b"".join(piece.lines[:-1] for piece in found) + rest).decode() == "é" * 40_000


def test_pieces_are_whole_lines_of_a_message_each() -> None:
    data = b"".join(b"%d %s\n" % (n, b"x" * (n % 300)) for n in range(2000))
    found, rest = pieces(data)
    assert b"".join(piece.lines for piece in found) + rest == data
    assert not any(piece.split for piece in found)
    assert max(len(piece.lines) for piece in found) <= 1 << 15
    assert pieces(b"") == ([], b"")
    assert pieces(b"a\n") == ([Piece(b"a\n")], b"")


# ---- rotation ----------------------------------------------------------------------------------


def test_files_are_rotated_by_size_and_some_are_kept(log: Log) -> None:
    target = Target(max_size=200, keep=2)
    for n in range(50):
        log.write("a", b"line %d\n" % n, target)
    files = rotated(log.file("a"))
    assert [file.name for file in files] == ["a.log.2", "a.log.1", "a.log"]
    assert all(file.stat().st_size <= 200 for file in files)
    found = read_texts(log.file("a"))
    assert found == [f"line {n}" for n in range(50 - len(found), 50)]


def test_a_rotated_file_is_followed_by_one_of_the_same_mode(log: Log) -> None:
    log.write("a", b"first\n")
    log.file("a").chmod(0o640)
    for _ in range(10):
        log.write("a", b"x" * 30 + b"\n", Target(max_size=100))
    assert {file.stat().st_mode & 0o777 for file in rotated(log.file("a"))} == {0o640}


def test_fewer_are_kept_from_the_next_rotation_on(log: Log) -> None:
    for n in range(50):
        log.write("a", b"line %d\n" % n, Target(max_size=100, keep=5 if n < 40 else 1))
    assert [file.name for file in rotated(log.file("a"))] == ["a.log.1", "a.log"]
    for n in range(10):
        log.write("b", b"line %d\n" % n, Target(max_size=100, keep=0))
    assert [file.name for file in rotated(log.file("b"))] == ["b.log"]


def test_a_line_longer_than_a_file_is_not_split(log: Log) -> None:
    log.write("a", b"x" * 500 + b"\nshort\n", Target(max_size=100))
    assert read_texts(log.file("a")) == ["x" * 500, "short"]


def test_the_oldest_files_go_when_all_are_too_large(tmp_path: Path) -> None:
    log = Log(tmp_path, most=20_000)
    others = tmp_path / "p0.log-20261127.gz"
    others.touch()
    target = Target(max_size=2_000, keep=100)
    for n in range(400):
        log.write(f"p{n % 2}", b"line %d %s\n" % (n, b"x" * 40), target)
        os.utime(log.file(f"p{n % 2}"), ns=(n, n))  # a clock that is exact enough
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 20_000
    assert others.exists()
    log.writer.close()
    for n in (0, 1):
        found = [text.split()[1] for text in read_texts(log.file(f"p{n}"))]
        assert found == [str(k) for k in range(400)[n::2]][-len(found) :]
        assert len(found) > 50


def test_the_current_files_of_many_are_limited_in_all(tmp_path: Path) -> None:
    log = Log(tmp_path, most=20_000)
    for n in range(300):
        log.write(f"p{n}", b"x" * 100 + b"\n")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 20_000
    assert read_texts(log.file("p299")) == ["x" * 100]
    for n in range(300):
        log.write("one", b"%d %s\n" % (n, b"x" * 100))
    log.writer.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 20_000
    assert read_texts(log.file("one"))[-1].startswith("299 ")


# ---- files that others change ------------------------------------------------------------------


def test_a_file_that_is_removed_renamed_or_truncated_is_gone_on_with(log: Log) -> None:
    file = log.file("a")
    log.write("a", b"1\n")
    file.unlink()
    log.write("a", b"2\n")
    file.rename(file.with_name("aside"))
    log.write("a", b"3\n")
    assert read_texts(file) == ["3"]
    os.truncate(file, 0)
    log.write("a", b"4\n")
    assert read_texts(file) == ["4"]
    assert read_texts(file.with_name("aside")) == ["2"]


def test_the_folder_is_made_again(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.write("a", b"1\n")
    log.writer.close()
    assert read_texts(log.file("a")) == ["1"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700


def test_a_half_line_that_a_crash_left_is_ended(log: Log) -> None:
    log.file("a").write_bytes(b"torn")
    log.write("a", b"whole\n")
    assert log.file("a").read_bytes().startswith(b"torn\n")
    assert [each.text for each in read(log.file("a"))[1:] if isinstance(each, LogRecord)] == [
        "whole"
    ]


def test_a_file_that_is_elsewhere_is_in_the_index_once(log: Log, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "my.log"
    other.parent.mkdir()
    for n in range(3):
        log.write("a/b", b"%d\n" % n, Target(file=str(other)))
    assert read_texts(other) == ["0", "1", "2"]
    assert [(each.path, each.file) for each in read_index(tmp_path)] == [("a/b", str(other))]
    assert not log.file("a/b").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a link of another user")
def test_a_link_that_another_user_made_is_not_followed(log: Log, tmp_path: Path) -> None:
    """10.7: a child that may write to the folder of its log gets no file of root's written to."""
    victim, link = tmp_path / "victim", tmp_path / "my.log"
    victim.write_text("")
    link.symlink_to(victim)
    log.write("a", b"one\n", Target(file=str(link)))
    assert read_texts(victim) == ["one"]
    os.lchown(link, 65534, 65534)
    log.writer.close()
    log.files = LogFiles(tmp_path)
    log.writer = LogWriter(log.files, log.journal, log.warnings.append)
    log.write("a", b"two\n", Target(file=str(link)))
    assert read_texts(victim) == ["one"]
    assert "a symbolic link of another user" in log.warnings[0]


def test_few_descriptors_lose_no_line(log: Log) -> None:
    """10.7: a node with more children than its logger may have files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as file:
        resource.setrlimit(resource.RLIMIT_NOFILE, (file.fileno() + 5, hard))
    try:
        for line in (b"one\n", b"two\n"):
            for number in range(20):
                log.write(f"a{number}", line)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert log.warnings == []
    for number in range(20):
        assert read_texts(log.file(f"a{number}")) == ["one", "two"]


def test_the_index_is_made_anew_when_somebody_removed_the_folder(tmp_path: Path) -> None:
    """10.7: `otpy logs` finds the file of a child that has one of its own."""
    folder, other = tmp_path / "log", tmp_path / "my.log"
    folder.mkdir()
    log = Log(folder)
    log.write("a", b"one\n", Target(file=str(other)))
    shutil.rmtree(folder)
    log.write("a", b"two\n", Target(file=str(other)))
    log.writer.close()
    assert [each.file for each in read_index(folder)] == [str(other)]
    assert read_texts(other) == ["one", "two"]


def test_no_path_leaves_the_folder(log: Log, tmp_path: Path) -> None:
    for path in ("", "..x", "a/../../b", "a%2Fb", "ü" * 100 + "/" + "ü" * 100, ".hidden"):
        log.write(path, b"here\n")
    assert len(list(tmp_path.iterdir())) == 6
    assert not any(file.name.startswith(".") for file in tmp_path.iterdir())


# ---- no room -----------------------------------------------------------------------------------


class Disk:
    """Has room for so many bytes more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOSPC) -> None:
        self.room, self.code = 1 << 30, code
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: Any) -> int:
        part = min(len(data), self.room)
        if not part:
            raise OSError(self.code, os.strerror(self.code))
        self.room -= part
        return _write(fd, data[:part])


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG])
def test_a_full_disk_is_said_once_and_the_lines_are_counted(
    log: Log, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    disk = Disk(monkeypatch, code)
    log.write("a", b"first\n")
    disk.room = len(log.file("a").read_bytes()) * 3 // 2
    log.write("a", b"again\nno room\nnone either\n")
    for n in range(100):
        log.write("a", b"lost %d\n" % n)
        log.write("b", b"lost, too\n")
    (warning,) = log.warnings
    assert warning == (f"cannot write {log.file('a')}: {os.strerror(code)}; 2 lines dropped so far")
    disk.room = 1 << 30
    log.write("a", b"there is room\n")
    log.write("b", b"so here\n")
    dropped = "{} lines dropped: they could not be written"
    assert read_texts(log.file("a")) == ["first", "again", dropped.format(102), "there is room"]
    assert read_texts(log.file("b")) == [dropped.format(100), "so here"]


def test_what_is_still_so_after_a_minute_is_said_again(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    disk = Disk(monkeypatch)
    disk.room = 0
    for seconds in (0, 59, 2, 30, 31):
        now += seconds
        log.write("a", b"lost\n")
    why = f"cannot write {log.file('a')}: No space left on device"
    assert log.warnings == [f"{why}; {count} lines dropped so far" for count in (1, 3, 5)]


def test_what_was_dropped_is_known_to_the_next_logger(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    disk.room = 0
    log.write("a", b"1\n2\n")
    disk.room = 1 << 30
    after = LogWriter(LogFiles(log.folder), log.journal, log.warnings.append)
    after.write(message("a", b"3\n"))
    after.close()
    assert read_texts(log.file("a")) == ["2 lines dropped: they could not be written", "3"]


def test_what_cannot_be_opened_costs_its_own_lines_alone(log: Log, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe", "missing/file"):
        log.write("a", b"lost\n", Target(file=str(tmp_path / name)))
    log.write("b", b"here\n")
    assert read_texts(log.file("b")) == ["here"]
    assert len(log.warnings) == 3


def test_the_share_of_a_small_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "_size_of_file_system", lambda _folder: 100_000)
    log = Log(tmp_path)
    for n in range(500):
        log.write("a", b"%d %s\n" % (n, b"x" * 50))
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10_000
    log.writer.close()
    assert read_texts(log.file("a"))[-1].startswith("499 ")
