"""Sockets that complain; see `otpy.system.descriptor_checks`."""

import socket

from otpy.system.descriptor import Descriptor
from otpy.system.descriptor_checks import Record
from otpy.system.sockets import STREAM, Socket


class CheckedSocket(Socket):
    """A socket that complains of every mistake that is made with it."""

    __slots__ = ("_record",)

    def __init__(
        self,
        descriptor: Descriptor,
        kind: socket.SocketKind = STREAM,
        family: socket.AddressFamily = socket.AF_UNIX,
    ) -> None:
        super().__init__(descriptor, kind, family)
        self._record = Record(socket.socket.fileno(self))

    def __del__(self) -> None:
        if (record := getattr(self, "_record", None)) is not None:
            record.drop()

    def fileno(self) -> int:
        """Return the number."""
        if (record := getattr(self, "_record", None)) is not None:
            record.use("used")
        return super().fileno()

    def detach(self) -> int:
        """Return the number for another owner."""
        self._record.use("handed over")
        fd = super().detach()
        self._record.end()
        return fd

    def close(self) -> None:
        """Close it."""
        self._record.use("closed again")
        self._unwatch()  # which asks for the number
        self._record.end()  # before the number is free: another thread may get it at once
        super().close()
