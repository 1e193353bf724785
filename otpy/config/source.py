"""A file -> its text."""

import os
import re
from pathlib import Path
from typing import Final

from otpy.config.mistakes import Located
from otpy.errors import SpecError

# YAML's printable characters (YAML 1.1, 5.1).
_NOT_YAML = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


MAX_BYTES: Final = 4 << 20
"""Of a file: 10,000 children have less than 1 MiB."""


class BadText(Exception):
    """The text is no YAML that can be read to its end; its argument is the mistake reported."""

    def __init__(self, mistake: Located) -> None:
        super().__init__(mistake)
        self.mistake = mistake


def read_text(path: str) -> str:
    """Read the YAML text of a file.

    Raises:
        SpecError: It cannot be read.
        BadText: It is no text.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise SpecError([f"{path}: cannot be read: {why}"]) from None
    if len(data) > MAX_BYTES:
        raise BadText(Located(1, 1, f"the file has over {MAX_BYTES >> 20} MiB, expected less"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        bad = f"byte 0x{data[error.start]:02x} is not UTF-8, expected YAML text in UTF-8"
        raise BadText(_at_end(before, bad)) from None
    if found := _NOT_YAML.search(text):
        bad = f"character U+{ord(found[0]):04X} is not allowed, expected YAML text"
        raise BadText(_at_end(text[: found.start()], bad))
    return text


def _at_end(before: str, text: str) -> Located:
    return Located(before.count("\n") + 1, len(before) - before.rfind("\n"), text)
