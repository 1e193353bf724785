"""Where the log files of a node's children are: their names in its folder ``log/``, and the index.

A child's file is ``log/<path>.log``, its path percent-encoded; rotated ones are ``.log.1`` (the
latest), ``.log.2`` and so on. A child whose `log:` names another file has a line in
``log/index.jsonl``, so that a reader finds it when the node does not run.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from otpy.wire.log_record import ROOT

INDEX: Final = "index.jsonl"
_SUFFIX: Final = ".log"
_MOST: Final = 240
"""Bytes of a name, which may have 255 with all that rotation appends."""

_FREE: Final = 1
"""Numbers of rotated files that may be free, one after the other."""

_escape: Final = re.compile(rb"%([0-9A-F]{2})")
_unsafe: Final = re.compile(r"[^A-Za-z0-9_.@:,=~-]|^\.")


class OtherFile(msgspec.Struct, frozen=True):
    """A file that is not in the node's folder.

    Attributes:
        path: Of the process that writes to it.
        file: Absolute path of the file, as it is without a rotation.
    """

    path: str
    file: str


def log_file_name(path: str) -> str:
    """Return the name of the file of the process at `path`: ``shop%2Fcounter.log``."""
    name = _unsafe.sub(_percent, path or ROOT)
    if len(name) + len(_SUFFIX) > _MOST:
        import hashlib  # noqa: PLC0415  # its libraries are on pages of every process

        digest = hashlib.sha256(path.encode()).hexdigest()[:16]
        # The cut may be inside an escape: the whole path is in each of its records.
        name = f"{name[: _MOST - len(_SUFFIX) - len(digest) - 1]}~{digest}"
    return name + _SUFFIX


def path_of(name: str) -> str | None:
    """Return the path of the process whose file has that name; None if the name does not say it."""
    if len(name) >= _MOST:
        return None  # it may have been cut
    try:
        path = _escape.sub(_unescaped, name.removesuffix(_SUFFIX).encode()).decode()
    except UnicodeDecodeError:
        return None
    path = "" if path == ROOT else path
    return path if log_file_name(path) == name else None


def rotated(file: Path) -> list[Path]:
    """Return the files that are there of `file` and its rotations, oldest first.

    They are asked for by name: the folder may have those of thousands of processes. A rotation that
    was cut short leaves one number free.
    """
    found = [file] * file.exists()
    number = missing = 0
    while missing <= _FREE:
        number += 1
        older = file.with_name(f"{file.name}.{number}")
        missing = 0 if older.exists() else missing + 1
        if not missing:
            found.append(older)
    return found[::-1]


def index_line(other: OtherFile) -> bytes:
    """Return the line of the index for a file that is elsewhere, with its newline."""
    return msgspec.json.encode(other) + b"\n"


def read_index(folder: Path) -> Iterator[OtherFile]:
    """Return which files are not in `folder`, the node's ``log/``; lines that are torn are skipped.

    Raises:
        OSError: There is an index, and it cannot be read.
    """
    try:
        lines = (folder / INDEX).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in dict.fromkeys(lines):
        try:
            yield msgspec.json.decode(line, type=OtherFile)
        except msgspec.MsgspecError:
            continue


def _percent(found: re.Match[str]) -> str:
    return "".join([f"%{byte:02X}" for byte in found[0].encode(errors="backslashreplace")])


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])
