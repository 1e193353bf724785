"""What a process says when it is ready, if it is to say so."""

import os

from otpy.errors import OtpyError
from otpy.server.context import Mailbox, current

_VARIABLE = "NOTIFY_SOCKET"


def ready() -> None:
    """Say that this process is ready: the next child of its supervisor starts.

    For a child with ``ready: notify``: a function, plain or async, says so once it serves; a server
    may do so in `init` or later, and is ready when its init has returned, too. Any thread may call
    it. In a child without that key it does nothing.

    In a program in Python that is no worker it is sd_notify(3): it sends READY=1 to the socket in
    NOTIFY_SOCKET, to otpy or to systemd, and does nothing where there is none.

    Raises:
        OSError: Nobody is at that socket.
    """
    if (mailbox := _mailbox()) is not None:
        mailbox.announce()
    elif address := os.environ.get(_VARIABLE):
        _send(address, b"READY=1")


def _mailbox() -> Mailbox | None:
    try:
        return current().mailbox
    except OtpyError:
        return None


def _send(address: str, message: bytes) -> None:
    from socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, socket  # noqa: PLC0415 - few workers need it

    with socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC) as sender:
        sender.sendto(message, address.replace("@", "\0", 1) if address[0] == "@" else address)
