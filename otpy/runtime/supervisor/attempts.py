"""One attempt at a probe: a connection, a request over HTTP, a program. None of them blocks."""

import abc
import contextlib
import errno
import json
import os
import re
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias, assert_never
from urllib.parse import urlsplit

from otpy.core.probes import ExecProbe, HttpProbe, Question, TcpProbe
from otpy.core.surroundings import Surroundings
from otpy.runtime.supervisor.helpers import Helper, Helpers
from otpy.system.loop import READABLE, WRITABLE, Loop
from otpy.system.sockets import STREAM, Socket, unbound_socket
from otpy.system.wait import WaitStatus

Address: TypeAlias = tuple[socket.AddressFamily, str]
Report: TypeAlias = Callable[[str], None]
"""Called once, with why a probe does not hold; "" if it holds."""

_LOCALHOST: Final[tuple[Address, ...]] = (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET6, "::1"),
)
_UNDER_WAY: Final = (0, errno.EINPROGRESS, errno.EINTR)
_READ_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 20
_STATUS_LINE: Final = re.compile(rb"HTTP/\d\.\d (\d{3})[^\n]*\n")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_LENGTH: Final = re.compile(
    rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_SHOWN: Final = 200
_LATE: Final = "no answer in time"


class Attempt(abc.ABC):
    """An attempt under way, which reports once, or never after `close`."""

    def __init__(self, report: Report) -> None:
        self._report: Report | None = report

    def finish(self, why: str) -> None:
        """Close it, and report."""
        if (report := self._report) is not None:
            self.close()
            report(why)

    def close(self) -> None:
        """Give up."""
        self._report = None
        self._release()

    def time_out(self) -> str:
        """Give up, since time is up; return why the probe does not hold, "" if it does."""
        self.close()
        return _LATE

    @abc.abstractmethod
    def _release(self) -> None:
        """Release what is held; may be called again."""


class TcpAttempt(Attempt):
    """Connects to each address of a host in turn, until one accepts."""

    def __init__(self, loop: Loop, helpers: Helpers, host: str, port: int, report: Report) -> None:
        super().__init__(report)
        self._loop, self._port = loop, port
        self._socket: Socket | None = None
        self._lookup: Helper | None = None
        self._left: deque[Address] = deque(_known_addresses(host))
        if self._left:
            # Not at once: the caller is to have the attempt before its end is reported.
            loop.call_soon(lambda: self._next("no address"))
        else:
            self._lookup = helpers.run(partial(_print_addresses, host), self._found)

    def _found(self, status: WaitStatus, output: str) -> None:
        self._lookup = None
        if status.signal or status.code:
            self.finish(_last_line(output) or "its name cannot be looked up")
            return
        self._left.extend((socket.AddressFamily(f), host) for f, host in json.loads(output))
        self._next("no address")

    def _next(self, why: str) -> None:
        if self._report is None:
            return
        self._close_socket()
        if not self._left:
            self.finish(why)
            return
        family, host = self._left.popleft()
        try:
            self._socket = unbound_socket(STREAM, family)
            code = self._socket.connect_ex((host, self._port))
            if code not in _UNDER_WAY:
                self._next(_words(code))
                return
            self._loop.watch(self._socket, self._connected, WRITABLE)
        except OSError as error:
            self._next(_words(error.errno or 0))

    def _connected(self, _events: int) -> None:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._next(_words(code))
        elif _is_to_itself(self._socket):
            self._next(_words(errno.ECONNREFUSED))
        else:
            self._loop.unwatch(self._socket)
            self.accepted(self._socket)

    def accepted(self, connection: Socket) -> None:
        """Use a connection that was accepted."""
        del connection
        self.finish("")

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _release(self) -> None:
        self._close_socket()
        if self._lookup is not None:
            self._lookup.close()
            self._lookup = None


class HttpAttempt(TcpAttempt):
    """Asks for a URL, and reads the answer to its end: most servers complain of less."""

    def __init__(self, loop: Loop, helpers: Helpers, probe: HttpProbe, report: Report) -> None:
        url = urlsplit(probe.url)
        self._status = probe.status
        self._request = _request(url.netloc, url.path or "/", url.query)
        self._answer = b""
        super().__init__(loop, helpers, url.hostname or "", url.port or 80, report)

    def accepted(self, connection: Socket) -> None:
        """Send the request: it fits into the buffer of a connection that is new."""
        try:
            connection.sendall(self._request)
            self._loop.watch(connection, lambda _events: self._read(connection), READABLE)
        except OSError as error:
            self.finish(_words(error.errno or 0))

    def time_out(self) -> str:
        """Give up; a status that came before the end of its answer counts."""
        late = super().time_out()
        return self._verdict() if self._answer else late

    def _read(self, connection: Socket) -> None:
        try:
            data = connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.finish(self._verdict() if self._answer else _words(error.errno or 0))
            return
        self._answer += data
        if not data or len(self._answer) >= _MOST_BYTES or self._is_whole():
            self.finish(self._verdict())

    def _is_whole(self) -> bool:
        end = _END_OF_HEAD.search(self._answer)
        length = end and _LENGTH.search(self._answer, 0, end.end())
        return bool(end and length and len(self._answer) - end.end() >= int(length[1]))

    def _verdict(self) -> str:
        found = _STATUS_LINE.match(self._answer)
        if found is None:
            return "no answer of HTTP" if self._answer else "no answer"
        status = int(found[1])
        return "" if status == self._status else f"status {status}, not {self._status}"


class ExecAttempt(Attempt):
    """Runs a program."""

    def __init__(
        self, helpers: Helpers, argv: tuple[str, ...], given: Surroundings, report: Report
    ) -> None:
        super().__init__(report)
        self._helper = helpers.execute(argv, given, self._ended)

    def _ended(self, status: WaitStatus, output: str) -> None:
        how = f"signal: {status.signal}" if status.signal else f"exit: {status.code}"
        said = _last_line(output)
        failed = status.signal or status.code
        self.finish(f"{how}{f': {said}' if said else ''}" if failed else "")

    def _release(self) -> None:
        self._helper.close()


def begin(
    loop: Loop, helpers: Helpers, question: Question, given: Surroundings, report: Report
) -> Attempt:
    """Begin an attempt; `report` is called later.

    Args:
        loop: The supervisor's.
        helpers: The supervisor's.
        question: What is asked.
        given: What programs start in.
        report: Called with why it does not hold.

    Raises:
        OSError: There are too many processes or open files, or there is no memory.
    """
    match question:
        case TcpProbe(host=host, port=port):
            return TcpAttempt(loop, helpers, host, port, report)
        case HttpProbe():
            return HttpAttempt(loop, helpers, question, report)
        case ExecProbe(argv=argv):
            return ExecAttempt(helpers, argv, given, report)
        case _:
            assert_never(question)


def _known_addresses(host: str) -> tuple[Address, ...]:
    """Return the addresses of a host that need no look-up, which may take long."""
    if host == "localhost":
        return _LOCALHOST
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return ((family, host),)
    return ()


def _print_addresses(host: str) -> int:
    """Run the process that looks a name up."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        os.write(1, f"{host}: {error.strerror if isinstance(error, OSError) else error}".encode())
        return 1
    addresses = [[int(family), address[0]] for family, _, _, _, address in found]
    os.write(1, json.dumps(addresses).encode())
    return 0


def _is_to_itself(connection: Socket) -> bool:
    """Return whether nobody listens, and TCP has connected the socket to itself.

    That happens where the port is among those that are given to sockets by themselves.
    """
    with contextlib.suppress(OSError):
        return bool(connection.getsockname() == connection.getpeername())
    return False


def _request(host: str, path: str, query: str) -> bytes:
    target = f"{path}?{query}" if query else path
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: otpy\r\n"
        "Accept: */*\r\nConnection: close\r\n\r\n"
    ).encode()


def _words(code: int) -> str:
    return os.strerror(code).lower()


def _last_line(output: str) -> str:
    return next((line[:_SHOWN] for line in reversed(output.splitlines()) if line.strip()), "")
