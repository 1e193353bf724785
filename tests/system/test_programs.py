"""1.10: an error of execve(2) becomes words that name the file and what is wrong with it."""

import errno
import os
from pathlib import Path

import pytest

from otpy.system.programs import CannotExecute, cannot_execute, check_env


def refused(program: str) -> CannotExecute:
    pid = os.fork()
    if pid == 0:
        try:
            os.execvp(program, [program])
        except OSError as error:
            os._exit(error.errno or 1)
        finally:
            os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert number
    return cannot_execute(program, OSError(number, os.strerror(number)))


FILES = {
    "plain": (b"echo hello\n", 0o755, "it has no '#!' line that names its interpreter"),
    "empty": (b"", 0o755, "it is empty"),
    "missing": (b"#!/no/such/sh -x\n", 0o755, "its interpreter '/no/such/sh' does not exist"),
    "crlf": (b"#!/bin/sh\r\necho\r\n", 0o755, "its lines end with CR LF"),
    "nameless": (b"#!\n", 0o755, "names no interpreter"),
    "mode": (b"#!/bin/sh\n", 0o644, "it is not executable"),
    "interpreter": (b"#!/etc/passwd\n", 0o755, "its interpreter '/etc/passwd' cannot be executed"),
    "other": (b"\x7fELF" + bytes(100), 0o755, "it is a program for another kind of machine"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_executed(tmp_path: Path, name: str) -> None:
    content, mode, why = FILES[name]
    file = tmp_path / name
    file.write_bytes(content)
    file.chmod(mode)
    error = refused(str(file))
    assert str(error).startswith(f"cannot execute '{file}': ")
    assert why in str(error)


ENV = {
    "missing": (b"#!/usr/bin/env no-such-program -x\n", "its interpreter 'no-such-program'"),
    "crlf": (b"#!/usr/bin/env sh\r\n", "its lines end with CR LF"),
    "options": (b"#!/usr/bin/env -S A=1 no-such-program -x\n", "its interpreter 'no-such-program'"),
    "fine": (b"#!/usr/bin/env sh\n", None),
    "other": (b"#!/bin/sh\n", None),
    "no script": (b"\x7fELF", None),
}


@pytest.mark.parametrize("name", ENV)
def test_an_interpreter_that_env_would_not_find(tmp_path: Path, name: str) -> None:
    content, why = ENV[name]
    file = tmp_path / "script"
    file.write_bytes(content)
    file.chmod(0o755)
    if why is None:
        check_env(str(file))
        return
    with pytest.raises(CannotExecute, match=why) as caught:
        check_env(str(file))
    assert str(file) in str(caught.value)


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it is a directory" in str(refused(str(tmp_path)))
    assert "there is no such file" in str(refused(str(tmp_path / "none")))
    assert "no such program in PATH" in str(refused("no-such-program-anywhere"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "script").write_text("#!/bin/sh\n")
    told = str(refused("script"))
    assert told.startswith(f"cannot execute 'script' ('{tmp_path}/script'): it is not executable")


def test_a_directory_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    error = OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    assert "the working directory was removed" in str(cannot_execute("./run", error))


def test_a_directory_of_path_that_cannot_be_searched_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", f"/{'x' * 300}:{os.environ['PATH']}")  # as one without permission
    check_env("sh")
    assert "no such program" in str(cannot_execute("no-such-program", OSError(errno.ENOENT, "")))
