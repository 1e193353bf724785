"""The sender's side of sd_notify(3): it never waits, and what is gone harms nobody (11.2)."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.system.loop import Loop
from otpy.system.sd_notify import ServiceManager, take_address, take_watchdog


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def listening(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address.replace("@", "\0"))
    return listener


@pytest.mark.parametrize("form", ["{}/notify", "@{}/notify"], ids=["path", "abstract"])
def test_a_message_is_lines_of_fields(loop: Loop, tmp_path: Path, form: str) -> None:
    address = form.format(tmp_path)
    with listening(address) as listener, contextlib.closing(ServiceManager(address, loop)) as it:
        it.send(READY="1", STATUS="two\nlines")
        assert listener.recv(100) == b"READY=1\nSTATUS=two lines"


def test_what_is_gone_harms_nobody_and_what_comes_back_is_told(loop: Loop, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with contextlib.closing(ServiceManager(address, loop)) as manager:
        manager.send(READY="1")
        with listening(address) as listener:
            manager.send(STATUS="a")
            assert listener.recv(100) == b"STATUS=a"
        manager.send(STATUS="b")
        (tmp_path / "notify").unlink()
        with listening(address) as listener:
            manager.send(STATUS="c")
            assert listener.recv(100) == b"STATUS=c"


def test_a_queue_that_is_full_is_not_waited_for(loop: Loop, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with (
        listening(address) as listener,
        contextlib.closing(ServiceManager(address, loop)) as manager,
    ):
        listener.setblocking(False)
        for number in range(1000):
            manager.send(STATUS=str(number))
        manager.send(READY="1")
        got: list[bytes] = []

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    got.append(listener.recv(100))
            if got[-1] == b"READY=1":
                loop.stop()
            else:
                loop.call_soon(read)

        loop.call_soon(read)
        loop.run()
        assert got[0] == b"STATUS=0"


def test_the_variables_are_for_this_process_alone() -> None:
    environment = {"NOTIFY_SOCKET": "@a", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7", "A": "b"}
    assert take_address(environment) == "@a"
    assert take_watchdog(dict(environment), (6, 7)) == 3.0
    assert take_watchdog(dict(environment), (6,)) is None
    assert take_watchdog({"WATCHDOG_USEC": "1000000"}, (6,)) == 1.0
    assert take_watchdog({"WATCHDOG_USEC": "x"}, (6,)) is None
    take_watchdog(environment, ())
    assert environment == {"A": "b"}
