"""Every exception becomes one line and an exit status."""

import errno

import click
import pytest

from otpy import errors
from otpy.cli.errors import Failed, NotThere, TimedOut
from otpy.cli.output import report as report_as


def report(error: BaseException) -> int:
    return report_as(error, as_json=False)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            errors.ProcessDown("killed", "Traceback ..."),
            "otpy: it ended before it answered: killed; `otpy why` shows more",
        ),
        (errors.Refused("not\nnow"), "otpy: refused: not now"),
        (errors.UnknownRequest("no handler for 'x'"), "otpy: no handler for 'x'"),
        (errors.StartFailed("exit: 1"), "otpy: it failed to start: exit: 1"),
        (errors.SupervisorError("some_reason"), "otpy: some_reason"),
        (
            errors.SupervisorError("not_found", "'x'"),
            "otpy: not_found: 'x': it has no such child; see `otpy tree`",
        ),
        (
            errors.FrameTooLarge(9, 5),
            "otpy: message of 9 bytes is over max_frame, which is 5 bytes",
        ),
        (errors.OtpyError(), "otpy: OtpyError"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "x.yaml"),
            "otpy: x.yaml: No such file or directory",
        ),
        (OSError(errno.EMFILE, "Too many open files"), "otpy: Too many open files"),
        (OSError("odd"), "otpy: odd"),
        (Failed("it cannot; do that"), "otpy: it cannot; do that"),
    ],
)
def test_what_failed_is_one_line_and_status_1(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == 1
    assert capsys.readouterr() == ("", f"{line}\n")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (errors.NodeNotFound("no node runs"), 3, "otpy: no node runs"),
        (errors.NoProcess("no process 'x'"), 3, "otpy: no process 'x'; see `otpy tree`"),
        (
            errors.NoProcess("'x' has failed and stays down: killed"),
            3,
            (
                "otpy: 'x' has failed and stays down: killed; "
                "`otpy why` shows more, `otpy start` begins anew"
            ),
        ),
        (NotThere("nowhere"), 3, "otpy: nowhere"),
        (errors.CallTimeout("'x' did not answer"), 4, "otpy: 'x' did not answer"),
        (TimedOut("late", "it goes on"), 4, "otpy: late; it goes on"),
    ],
)
def test_what_is_not_there_is_status_3_and_what_is_late_4(
    error: Exception, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == status
    assert capsys.readouterr() == ("", f"{line}\n")


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (
            errors.SpecError(["t.yaml:1:2: one", "t.yaml:3:4: two"]),
            "t.yaml:1:2: one\nt.yaml:3:4: two",
        ),
        (click.UsageError("No such option."), "otpy: No such option; see `otpy --help`"),
    ],
)
def test_what_was_said_wrongly_is_status_2(
    error: Exception, lines: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == 2
    assert capsys.readouterr() == ("", f"{lines}\n")


def test_every_error_of_the_family_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "NodeAlreadyRunning": ("x", 7),
        "FrameTooLarge": (9, 5),
        "SeveralInstances": ("pool", 4),
        "SpecError": (["one"],),
    }
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(kinds) > 10
    for kind in kinds:
        report(kind(*arguments.get(kind.__name__, ("text",))))
        assert capsys.readouterr().err.count("\n") == 1


def test_a_bug_is_named_with_its_place_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="five") as raised:
        int("five")
    assert report(raised.value) == 1
    said = capsys.readouterr().err
    assert said.startswith("otpy: this is a bug in otpy, please report it: ValueError: ")
    assert f" at {__file__}:" in said
    assert said.count("\n") == 1


def test_a_broken_connection_is_no_closed_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(BrokenPipeError(errno.EPIPE, "Broken pipe")) == 1
    assert capsys.readouterr().err == "otpy: Broken pipe\n"
