"""Log files, written as the logger of a node writes them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from otpy.wire.log_files import log_file_name
from otpy.wire.log_record import LogRecord, to_json, to_text

MOMENT = 1_795_823_043.0


def record(path: str, second: float, text: str, incarnation: int = 1, **more: Any) -> LogRecord:
    return LogRecord(MOMENT + second, path, incarnation, more.pop("stream", "out"), text, **more)


def logged(path: str, second: float, text: str, level: str = "INFO", **more: Any) -> LogRecord:
    return record(path, second, text, stream="log", level=level, logger="shop.orders", **more)


def append(folder: Path, records: Iterable[LogRecord], suffix: str = "") -> None:
    """Append records to the files of their paths, or to rotated ones."""
    for each in records:
        with (folder / f"{log_file_name(each.path)}{suffix}").open("ab") as file:
            file.write(to_text(each))


def append_to(file: Path, records: Iterable[LogRecord], *, as_json: bool = False) -> None:
    with file.open("ab") as opened:
        opened.write(b"".join(map(to_json if as_json else to_text, records)))


def rotate(file: Path, keep: int = 5) -> None:
    for number in range(keep - 1, 0, -1):
        if (old := Path(f"{file}.{number}")).exists():
            old.replace(f"{file}.{number + 1}")
    file.replace(f"{file}.1")
