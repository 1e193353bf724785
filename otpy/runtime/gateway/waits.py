"""Clients that wait until processes are ready, or gone: looked at when something has happened."""

from dataclasses import dataclass

from otpy.errors import OtpyError, StartFailed
from otpy.runtime.directory import Directory
from otpy.runtime.gateway.client_connection import Client
from otpy.wire.gateway import TreeRow, Until


@dataclass(frozen=True, slots=True)
class _Wait:
    client: Client
    number: int
    names: tuple[str, ...]
    until: Until


class Waits:
    """Answers each request once all of its processes are as it wants them.

    Args:
        directory: The processes of the tree.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._waits: list[_Wait] = []

    def add(self, client: Client, number: int, names: tuple[str, ...], until: Until) -> None:
        """Answer a request: at once if it can be, else when something has happened.

        Raises:
            NoProcess: There is no such process, or a name means several.
            StartFailed: One that is to be ready has failed, and stays down.
        """
        wait = _Wait(client, number, names, until)
        if not self._is_over(wait):
            self._waits.append(wait)

    def look(self) -> None:
        """Answer what can be answered now."""
        if self._waits:
            self._waits = [wait for wait in self._waits if not self._is_over_or_wrong(wait)]

    def forget(self, client: Client, number: int | None = None) -> None:
        """The client waits no more for the answer to a request, or has gone with all of its."""
        self._waits = [
            wait
            for wait in self._waits
            if wait.client is not client or number not in (None, wait.number)
        ]

    def _is_over_or_wrong(self, wait: _Wait) -> bool:
        try:
            return self._is_over(wait)
        except OtpyError as error:
            wait.client.fail(wait.number, error)
            return True

    def _is_over(self, wait: _Wait) -> bool:
        check = self._ready if wait.until == "ready" else self._gone
        # All of them: one that has failed is told though another is still waited for.
        found = [check(name) for name in wait.names]
        if not all(is_so for is_so, _ in found):
            return False
        wait.client.reply(wait.number, [row for _, row in found])
        return True

    def _ready(self, name: str) -> tuple[bool, TreeRow | None]:
        entry = self._directory.resolve(name)
        if (failed := self._directory.failed(entry)) is not None:
            raise StartFailed(f"{failed.path!r} has failed and stays down: {failed.reason}")
        return entry.state == "running", self._directory.row(entry)

    def _gone(self, name: str) -> tuple[bool, TreeRow | None]:
        entry = self._directory.seek(name)
        if entry is None:
            return True, None
        return self._directory.is_gone(entry), self._directory.row(entry)
