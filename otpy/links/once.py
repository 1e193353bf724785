"""Calls that are applied once, however often they are sent."""

import itertools
import os
from typing import Final, NamedTuple

from otpy.errors import NodeNotFound, ProcessDown

_SESSION_BYTES: Final = 16
_SEPARATOR: Final = "-"


class Once(NamedTuple):
    """A request that a durable server applies once.

    Attributes:
        request: What is asked.
        session: Of the caller: random bytes.
        serial: The number of the call in the session.
    """

    request: object
    session: bytes
    serial: int

    @property
    def request_id(self) -> str:
        """The text by which this call can be repeated."""
        return f"{self.session.hex()}{_SEPARATOR}{self.serial}"


class Session:
    """Numbers the calls of one process; one that it has forked has a session of its own."""

    def __init__(self) -> None:
        self._pid = 0

    def once(self, request: object, request_id: str | None = None) -> Once:
        """Return a request with its number.

        Args:
            request: What is asked.
            request_id: Of the call that this repeats, if it does.

        Raises:
            ValueError: The id is none.
        """
        if request_id is not None:
            return Once(request, *_parsed(request_id))
        if self._pid != (pid := os.getpid()):
            self._session, self._numbers = os.urandom(_SESSION_BYTES), itertools.count(1)
            self._pid = pid
        return Once(request, self._session, next(self._numbers))


def _parsed(request_id: object) -> tuple[bytes, int]:
    try:
        assert isinstance(request_id, str)
        session, _, number = request_id.partition(_SEPARATOR)
        found = bytes.fromhex(session), int(number)
        if len(found[0]) == _SESSION_BYTES and found[1] > 0:
            return found
    except (AssertionError, ValueError):
        pass
    raise ValueError(
        f"request_id is what an error of an earlier call has as such, got {request_id!r:.100}"
    )


_FIRST_WAIT_S: Final = 0.005
_LONGEST_WAIT_S: Final = 0.2
_MOST_CRASHES: Final = 2


class Attempts:
    """Decides whether a call is repeated, and how soon."""

    def __init__(self) -> None:
        self._wait = _FIRST_WAIT_S
        self._crashes = 0

    def failed(self, error: ProcessDown | NodeNotFound) -> None:
        """Note how an attempt failed; raises that if there is to be no other.

        A server that an exception ended, twice, does so because of the call: to repeat it would
        only end the server's supervisor, too.
        """
        if isinstance(error, ProcessDown) and error.reason.startswith("error: "):
            self._crashes += 1
            if self._crashes == _MOST_CRASHES:
                raise error

    def wait(self) -> float:
        """Return the seconds until the next attempt."""
        wait, self._wait = self._wait, min(self._wait * 2, _LONGEST_WAIT_S)
        return wait
