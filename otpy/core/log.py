"""Where the output of a child is logged: a file, the node's own output, or nowhere."""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Annotated, TypeAlias

from otpy.core.effects import LIVE


class LogFormat(StrEnum):
    """How a record stands in a file."""

    TEXT = "text"
    JSON = "json"


class LogTo(StrEnum):
    """The two places that are no file."""

    NOWHERE = "nowhere"
    INHERIT = "inherit"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file, and how it is written; None leaves it as it is without the key.

    Attributes:
        file: Its path; the node's folder has one for each child.
        format: Text unless given.
        max_size: Bytes after which it is rotated; 10 MiB unless given.
        keep: How many rotated files are kept; 5 unless given.
    """

    file: Annotated[str | None, LIVE] = None
    format: Annotated[LogFormat | None, LIVE] = None
    max_size: Annotated[int | None, LIVE] = None
    keep: Annotated[int | None, LIVE] = None

    def inherit(self, above: "LogFile") -> "LogFile":
        """Return this with what `above`, the supervisor's, says and this does not."""
        inherited = {
            each.name: getattr(above, each.name)
            for each in fields(LogFile)
            if getattr(self, each.name) is None
        }
        return replace(self, **inherited)

    def in_folder(self, folder: str) -> "LogFile":
        """Return this with a relative path made absolute, from `folder` on."""
        if self.file is None or self.file.startswith("/") or not folder:
            return self
        return replace(self, file=f"{folder.rstrip('/')}/{self.file}")


Log: TypeAlias = LogFile | LogTo
