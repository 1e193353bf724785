"""The logger: the process beside the tree that writes what all others of the node log into files.

Every process of the node sends its lines to a packet socket (unix(7), SOCK_SEQPACKET): the node
holds both of its ends, so that nothing in it is lost when a logger ends. The logger looks at a
message (MSG_PEEK), writes its lines, and takes it from the socket only then; what it was writing is
in memory that it shares with the node (`otpy.runtime.logger.journal`). The next one goes on there.

It ignores the signals that a terminal or systemd sends to all processes at once, and outlives a
node that is killed: it ends when the last process that may have something to say has ended.
"""

import contextlib
import socket
from pathlib import Path
from typing import Final

import msgspec

from otpy.runtime.bootstrap import Bootstrap
from otpy.runtime.control_channel import GATEWAY as OWN_RECORDS
from otpy.runtime.control_channel import end_of_child
from otpy.runtime.logger.files import LogFiles
from otpy.runtime.logger.journal import Journal
from otpy.runtime.logger.writer import LogWriter
from otpy.runtime.node_log import NodeLog
from otpy.system.descriptor import Descriptor
from otpy.system.loop import Loop
from otpy.system.sockets import MESSAGES, Socket, socket_pair
from otpy.system.spawn import become_child, ignore_signals, raise_descriptor_limit
from otpy.system.warnings import warn, warn_of_failure
from otpy.wire.control import Ready, ShutDown
from otpy.wire.log_message import MAX_LINE, LogMessage

_LARGEST: Final = 4 * MAX_LINE
_AT_ONCE: Final = 64
"""Messages between two looks at what the node says."""

_decode: Final = msgspec.msgpack.Decoder(LogMessage).decode


class LogSocket:
    """Where a node's processes log, and what its logger shares with it.

    Args:
        folder: The node's ``log/``.

    Attributes:
        reader: The end that the logger reads.
        writer: The other one; every process of the node but its workers inherits it.
    """

    def __init__(self, folder: Path) -> None:
        reader, self.writer = socket_pair(MESSAGES)
        self.reader = Socket(reader, MESSAGES)
        self._folder, self._journal = folder, Journal()
        self._buffer = bytearray(_LARGEST)

    def new_writer(self) -> LogWriter:
        """Return what writes messages to the files."""
        return LogWriter(LogFiles(self._folder), self._journal, lambda why: warn(f"log: {why}"))

    def write_next(self, writer: LogWriter) -> bool:
        """Write the next message; return False if no process is left that could send one.

        Raises:
            BlockingIOError: There is none now.
        """
        size = self.reader.recv_into(self._buffer, 0, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        if not size:
            return False
        try:
            writer.write(_decode(memoryview(self._buffer)[:size]))
        except Exception as error:  # noqa: BLE001  # or the next logger would meet it again
            warn_of_failure(error)
        self.reader.recv(1, socket.MSG_DONTWAIT)
        return True

    def drain(self, writer: LogWriter) -> None:
        """Write all messages that are there now."""
        with contextlib.suppress(BlockingIOError):
            while self.write_next(writer):
                pass

    def finish(self, log: NodeLog) -> None:
        """Write what is left, in the node: it has no logger any more.

        Args:
            log: The node's; the last process that logs.
        """
        writer = self.new_writer()
        is_sent = False
        while not is_sent:
            is_sent = log.flush()
            self.drain(writer)
        writer.close()

    def close(self) -> None:
        """Close both ends."""
        self.reader.close()
        self.writer.close()


class LoggerProcess:
    """Writes until the node ends it, or until no other process is left.

    Args:
        bootstrap: The values inherited at the fork; its supervisor is the node.
        log: What is read.
    """

    def __init__(self, bootstrap: Bootstrap, log: LogSocket) -> None:
        self._log, self._loop = log, Loop()
        self._loop.survive = warn_of_failure
        self._writer = log.new_writer()
        self._node = end_of_child(bootstrap.control, OWN_RECORDS)

    def run(self) -> int:
        """Write; return the exit status."""
        self._node.attach(self._loop, self._on_message, self._node.detach)
        self._loop.watch(self._log.reader, self._readable)
        self._node.send(Ready())
        self._loop.run()
        return 0

    def _readable(self, _events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                if not self._log.write_next(self._writer):
                    self._loop.stop()
                    break

    def _on_message(self, message: object, _fds: tuple[Descriptor, ...]) -> None:
        match message:
            case ShutDown():  # all others but the node have ended
                self._log.drain(self._writer)
                self._loop.stop()
            case _:
                raise AssertionError(message)


def run_logger(bootstrap: Bootstrap, log: LogSocket, node: str) -> int:
    """Run the logger, in the process just forked; return its exit status."""
    keep = (bootstrap.control.fileno(), log.reader.fileno(), *bootstrap.inherited_fds)
    become_child(f"otpy: logger {node}", keep)
    ignore_signals()
    raise_descriptor_limit()
    return LoggerProcess(bootstrap, log).run()
