"""Notify the service manager that started this process: the sender's side of sd_notify(3)."""

import errno
import os
import socket
from collections import deque
from collections.abc import MutableMapping
from typing import Final

from otpy.system.loop import WRITABLE, Loop
from otpy.system.sockets import DATAGRAMS, Socket, unbound_socket
from otpy.system.warnings import warn_once

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = ("WATCHDOG_USEC", "WATCHDOG_PID")
VARIABLES: Final = (_SOCKET, *_WATCHDOG)
"""What a service manager sets for the process that it starts, and for no other one."""

_MOST_WAITING: Final = 64
_MICROSECONDS: Final = 1_000_000


def take_address(environment: MutableMapping[str, str]) -> str | None:
    """Return the address of the service manager's socket, and remove it from the environment.

    What this process starts is none of the service manager's: it would speak in this one's name.
    """
    return environment.pop(_SOCKET, None) or None


def take_watchdog(environment: MutableMapping[str, str], pids: tuple[int, ...]) -> float | None:
    """Return within how many seconds the service manager wants a WATCHDOG=1; None if it does not.

    Args:
        environment: What says so; it is removed there.
        pids: Those for which it may be meant: sd_watchdog_enabled(3).
    """
    usec, pid = (environment.pop(name, "") for name in _WATCHDOG)
    if pid and pid not in map(str, pids):
        return None
    return int(usec) / _MICROSECONDS if usec.isdecimal() and int(usec) else None


class ServiceManager:
    """Sends messages to the service manager, and never waits for it.

    A message for which its queue has no room waits here; of many the oldest is dropped. One that is
    gone gets none.

    Args:
        address: Of its socket, as NOTIFY_SOCKET has it: a path, or ``@`` and an abstract name.
        loop: Of this process.
    """

    def __init__(self, address: str, loop: Loop) -> None:
        self._address, self._loop = address, loop
        self._socket: Socket | None = None
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)

    def send(self, **fields: str) -> None:
        """Send a message of these fields."""
        lines = [f"{name}={' '.join(value.split())}" for name, value in fields.items()]
        self._waiting.append("\n".join(lines).encode(errors="backslashreplace"))
        self._send_waiting()

    def close(self) -> None:
        """Send no more."""
        self._waiting.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send_waiting(self, _events: int = 0) -> None:
        try:
            while self._waiting:
                self._send(self._waiting[0])
                self._waiting.popleft()
        except BlockingIOError:
            pass
        except OSError as error:
            warn_once("sd_notify", f"cannot notify {self._address}: {error.strerror}")
            self.close()
        self._watch()

    def _send(self, message: bytes) -> None:
        try:
            self._connected().send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ENOTCONN, errno.ECONNRESET):
                raise
            # It was started anew: another socket is at the address.
            if self._socket is not None:
                self._socket.close()
            self._socket = None
            self._connected().send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    def _connected(self) -> Socket:
        if self._socket is None:
            self._socket = connected = unbound_socket(DATAGRAMS)
            name = os.fsencode(self._address)
            connected.connect(b"\0" + name[1:] if name.startswith(b"@") else name)
        return self._socket

    def _watch(self) -> None:
        if self._socket is None:
            return
        if not self._waiting:
            self._loop.unwatch(self._socket)
        elif self._socket.watcher is None:
            self._loop.watch(self._socket, self._send_waiting, WRITABLE)
