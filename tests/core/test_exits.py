import pytest

from otpy.core.exits import (
    ExitReason,
    ExitStatus,
    FailedToStartChild,
    Killed,
    Normal,
    Raised,
    Shutdown,
    Signaled,
    Stopped,
    is_clean,
)

WORDS: list[tuple[ExitReason, str]] = [
    (Normal(), "normal"),
    (Shutdown(), "shutdown"),
    (Shutdown("done"), "shutdown: done"),
    (Killed(), "killed"),
    (Signaled("SIGSEGV"), "signal: SIGSEGV"),
    (ExitStatus(3), "exit: 3"),
    (Raised("ValueError: no", "Traceback ..."), "error: ValueError: no"),
    (Stopped("bored"), "bored"),
    (FailedToStartChild("db", Killed()), "failed to start child 'db': killed"),
]


@pytest.mark.parametrize(("reason", "words"), WORDS)
def test_reasons_read_as_the_table_says(reason: ExitReason, words: str) -> None:
    assert str(reason) == words


def test_only_normal_and_shutdown_are_clean() -> None:
    clean = [reason for reason, _ in WORDS if is_clean(reason)]
    assert clean == [Normal(), Shutdown(), Shutdown("done")]
