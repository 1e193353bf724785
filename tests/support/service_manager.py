"""A stand-in for systemd: it starts a service of Type=notify, listens to it, and stops it."""

import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

from tests.support.processes import DEADLINE_S

_ESCAPED = {"n": "\n", "t": "\t"}


def exec_start(line: str) -> list[str]:
    """Read the words of ExecStart= as systemd does: quotes, escapes, specifiers, variables."""
    words: list[str] = []
    word, quote, is_word = "", "", False
    letters = iter(line)
    for letter in letters:
        if letter == "\\":
            escaped = next(letters)
            word, is_word = word + _ESCAPED.get(escaped, escaped), True
        elif letter in ("'", '"') and quote in ("", letter):
            quote, is_word = "" if quote else letter, True
        elif letter == " " and not quote:
            words, word, is_word = [*words, word] if is_word else words, "", False
        else:
            word, is_word = word + letter, True
    words = [*words, word] if is_word else words
    assert not quote
    return [word.replace("%%", "%").replace("$$", "$") for word in words]


class ServiceManager:
    """Starts one service at a time.

    Args:
        watchdog_s: Seconds of WatchdogSec=; None for none.
        is_abstract: Whether its socket has no file.

    Attributes:
        said: What the service said last, by name.
        messages: All that it said.
    """

    def __init__(self, *, watchdog_s: float | None = None, is_abstract: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="otpy-notify-", dir="/tmp")
        self._watchdog_s = watchdog_s
        place = f"{self._folder.name}/notify"
        self.address = f"@{place}" if is_abstract else place
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address.replace("@", "\0"))
        self.said: dict[str, str] = {}
        self.messages: list[dict[str, str]] = []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.socket.close()
        self._folder.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """What it sets for a service."""
        usec = None if self._watchdog_s is None else int(self._watchdog_s * 1e6)
        watchdog = {} if usec is None else {"WATCHDOG_USEC": str(usec)}
        return {"NOTIFY_SOCKET": self.address, **watchdog}

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        """Start a service."""
        self.said, self.messages = {}, []
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        return self._process

    def until(self, name: str, value: str, *, times: int = 1) -> None:
        """Wait until the service has said this, so often."""
        until = time.monotonic() + DEADLINE_S
        while sum(each.get(name) == value for each in self.messages) < times:
            poll = select.poll()
            poll.register(self.socket, select.POLLIN)
            left = max(0.0, until - time.monotonic())
            assert poll.poll(left * 1000), f"nobody said {name}={value}: {self.messages}"
            self._read()

    def _read(self) -> None:
        lines = self.socket.recv(1 << 16).decode().splitlines()
        message = dict(line.split("=", 1) for line in lines)
        self.messages.append(message)
        self.said |= message

    def stop(self) -> None:
        """Ask the main process, it alone, to stop; read what it says until then."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self.until("STOPPING", "1")
