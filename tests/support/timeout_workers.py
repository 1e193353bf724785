"""A worker whose code gives all its sockets a timeout."""

import socket

from tests.support.workers import Remote


class Patient(Remote):
    """Waits for an hour wherever a socket of its own has nothing to read."""

    def init(self, *args: object) -> object:
        socket.setdefaulttimeout(3600)
        return super().init(*args)  # type: ignore[arg-type]
