"""Which tool's file it is, by its name or else by what is in it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otpy.importing.process_compose import import_process_compose
from otpy.importing.procfile import import_procfile
from otpy.importing.result import CannotImport, Imported
from otpy.importing.supervisord import import_supervisord

READERS: Final[dict[str, Callable[[str], Imported]]] = {
    "supervisord": import_supervisord,
    "procfile": import_procfile,
    "process-compose": import_process_compose,
}
"""By the names of `otpy import --from`."""

_SECTION: Final = re.compile(r"^\[[\w-]+(:[^\]]+)?\]", re.MULTILINE)
_PROCESSES: Final = re.compile(r"^processes\s*:", re.MULTILINE)
_PROCFILE: Final = re.compile(r"procfile([.-].*)?|.*\.procfile", re.IGNORECASE)


def kind_of(path: str) -> str:
    """Return which tool's file it is: a key of `READERS`.

    Raises:
        CannotImport: It cannot be read, or is none of these.
    """
    file = Path(path)
    if _PROCFILE.fullmatch(file.name):
        return "procfile"
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CannotImport(f"{path}: cannot be read: {error.strerror}") from None
    if file.suffix in {".conf", ".ini"} or (_SECTION.search(text) and not _PROCESSES.search(text)):
        return "supervisord"
    if file.suffix in {".yaml", ".yml"} or _PROCESSES.search(text):
        return "process-compose"
    known = ", ".join(READERS)
    raise CannotImport(f"{path}: is none of {known}; say which by --from")


def import_file(path: str, kind: str | None = None) -> Imported:
    """Read a file of another tool.

    Args:
        path: The file.
        kind: Which tool's: a key of `READERS`; by default that is found out.

    Raises:
        CannotImport: It cannot be read, or not as such.
    """
    try:
        return READERS[kind or kind_of(path)](path)
    except OSError as error:
        raise CannotImport(f"{path}: cannot be read: {error.strerror}") from None
