"""Read what a child writes to its stderr: its lines, and between them records of `logging`."""

from typing import Final

import msgspec

from otpy.wire.inband import LARGEST_RECORD, LAST, MARK, MORE, SEPARATOR, Inband
from otpy.wire.log_record import LogRecord

_OPEN: Final = 16
"""Records of which pieces are kept at a time: as many processes of a child may be writing."""

_END_OF_TIME: Final = 253_402_300_800.0
"""The first second of the year 10000."""


class InbandReader:
    """Reads the lines of one child's stderr that have `MARK` in them; keeps a bounded memory.

    Args:
        path: Of the child.
        incarnation: Its number.
    """

    def __init__(self, path: str, incarnation: int) -> None:
        self._path, self._incarnation = path, incarnation
        self._pieces: dict[bytes, list[bytes]] = {}
        self._size = 0

    def read(self, line: bytes, at: float) -> list[LogRecord]:
        """Return what a line says, in order; nothing for a piece of a record that goes on.

        Args:
            line: Without its newline.
            at: When it was read, in Unix time.
        """
        # A record has no mark inside: what is before the last one was printed without a newline.
        printed, mark, rest = line.rpartition(MARK)
        found = self._found(rest, at) if mark else None
        if found is None:
            return [self._output(line, at)]
        return [self._output(printed, at), *found] if printed else found

    def finish(self, at: float) -> list[LogRecord]:
        """Return as output the pieces of records that did not become whole."""
        return [record for name in list(self._pieces) for record in self._abandon(name, at)]

    def _found(self, data: bytes, at: float) -> list[LogRecord] | None:
        if data.startswith(b"{"):
            return self._whole(data, at)
        name, separator, piece = data.partition(SEPARATOR)
        name, kind = name[:-1], name[-1:]
        if not separator or not name or kind not in (MORE, LAST):
            return None
        if kind == LAST:
            if name not in self._pieces:
                return None
            return self._completed(name, data, piece, at)
        return self._keep(name, data, piece, at)

    def _keep(self, name: bytes, data: bytes, piece: bytes, at: float) -> list[LogRecord] | None:
        if name not in self._pieces and not piece.startswith(b"{"):
            return None
        self._pieces.setdefault(name, []).append(data)
        self._size += len(data)
        given_up: list[LogRecord] = []
        while self._size > LARGEST_RECORD or len(self._pieces) > _OPEN:
            given_up += self._abandon(next(iter(self._pieces)), at)
        return given_up

    def _completed(self, name: bytes, data: bytes, piece: bytes, at: float) -> list[LogRecord]:
        before = self._pieces[name]
        whole = b"".join([each.partition(SEPARATOR)[2] for each in before]) + piece
        found = self._whole(whole, at)
        if found is None:
            before.append(data)
            self._size += len(data)
            return self._abandon(name, at)
        self._size -= sum(map(len, self._pieces.pop(name)))
        return found

    def _abandon(self, name: bytes, at: float) -> list[LogRecord]:
        pieces = self._pieces.pop(name)
        self._size -= sum(map(len, pieces))
        return [self._output(MARK + piece, at) for piece in pieces]

    def _whole(self, data: bytes, at: float) -> list[LogRecord] | None:
        try:
            given = msgspec.json.decode(data, type=Inband)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        time = given.time if given.time is not None and 0 <= given.time < _END_OF_TIME else at
        return [
            LogRecord(
                time,
                self._path,
                self._incarnation,
                "log",
                given.text,
                given.level,
                given.logger,
                given.split,
                given.fields,
            )
        ]

    def _output(self, line: bytes, at: float) -> LogRecord:
        text = line.decode(errors="backslashreplace")
        return LogRecord(at, self._path, self._incarnation, "err", text)
