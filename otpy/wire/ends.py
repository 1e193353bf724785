"""The record of how a process ended, as the node keeps it and as `otpy why` reads it.

The files are in a folder of the node's, numbered, and only ever appended to. A line is about one
end: the end itself, or what was done about it later. Lines about an end may be in any order, and be
there twice.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from otpy.wire.paths import NODE

KEPT: Final = 20
"""Ends of each path."""

OUT_OF_MEMORY: Final = "killed: out of memory"
"""The reason of what the kernel ended for want of memory."""


class Then(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done about an end.

    Attributes:
        did: ``restarting``, ``restarted``, ``backing off``, ``failed`` (it stays down), ``gave up``
            (its supervisor did, and ended), ``shut down`` (its supervisor, of which it is a
            significant child), ``stopped`` (on request) or ``removed`` (it was temporary).
        at: When that was decided, as Unix time in seconds.
        restarts: How many there were within `max_seconds`.
        max_restarts: How many are allowed; None for any number.
        max_seconds: The window in which restarts are counted.
        retry_at: Unix time of the next start, if it is backing off.
        waits_for: The sibling with which it waits.
        incarnation: The one that followed; 0 if none did.
        pid: Of that.
        after: Seconds from the end until that was up; None if it is not.
        failed: That one ended before it was up.
    """

    did: str
    at: float
    restarts: int = 0
    max_restarts: int | None = None
    max_seconds: float = 0.0
    retry_at: float | None = None
    waits_for: str = ""
    incarnation: int = 0
    pid: int = 0
    after: float | None = None
    failed: bool = False


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a supervisor ended: by the end of one of its children.

    Attributes:
        did: ``gave up`` or ``shut down``.
        child: Path of the child.
        reason: Why that ended; empty if `did` is ``shut down``.
        restarts: As in `Then`.
        max_restarts: As in `Then`.
        max_seconds: As in `Then`.
    """

    did: str
    child: str
    reason: str = ""
    restarts: int = 0
    max_restarts: int | None = None
    max_seconds: float = 0.0


class End(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an incarnation ended.

    Attributes:
        path: Of the process.
        at: Unix time in seconds at which its supervisor had seen its end.
        boot: The run of the node.
        kind: ``supervisor``, ``worker``, ``command``, ``gateway`` or ``node``.
        pid: Its pid; 0 if it had none.
        incarnation: Which one ended.
        reason: The exit reason.
        was_up: It had been started; else its start failed.
        asked: Its supervisor had asked it to end.
        clean: Whether the reason is a clean one.
        overdue: Its budget was over: what was left of it was killed.
        signal: The signal that ended it; empty if none did.
        status: Its exit status; None if a signal ended it, or if that is not known.
        core_dumped: The kernel has written a core dump.
        oom: The kernel ended it for want of memory.
        traceback: The Python traceback, if an exception ended it.
        message: The message in hand.
        output: Its last lines.
        stacks: Its Python stacks, if it hung.
        waited_for: What was missing, if it was not ready in time.
        peak_memory: The most resident memory (RSS) its process had, in bytes; 0 if not known.
        uptime: Seconds since it was forked.
        messages: How many it had taken out of its mailbox.
        with_supervisor: It died with its supervisor, the one of this path; None if it did not.
        cause: Why it ended, if it is a supervisor and that was due to a child.
        then: What was done about it.
    """

    path: str
    at: float
    boot: str
    kind: str
    reason: str
    pid: int = 0
    incarnation: int = 0
    was_up: bool = True
    asked: bool = False
    clean: bool = False
    overdue: bool = False
    signal: str = ""
    status: int | None = None
    core_dumped: bool = False
    oom: bool = False
    traceback: str = ""
    message: str = ""
    output: str = ""
    stacks: str = ""
    waited_for: str = ""
    peak_memory: int = 0
    uptime: float = 0.0
    messages: int = 0
    with_supervisor: str | None = None
    cause: Cause | None = None
    then: Then | None = None


NO_END: Final = msgspec.Raw(b"")


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of a file: an end, or what was done about the end of that number.

    Attributes:
        path: Of the process.
        number: Of the end: a later one has a higher number.
        revision: Of two lines about what was done, the one with the higher revision is true.
        end: The end, if the line is about that; else `NO_END`.
        then: What was done.
    """

    path: str
    number: int
    revision: int = 0
    end: msgspec.Raw = NO_END
    then: Then | None = None

    @property
    def has_end(self) -> bool:
        """Whether the line is about the end itself."""
        return bool(bytes(self.end))


_decode_line: Final = msgspec.json.Decoder(Line).decode
_encode: Final = msgspec.json.Encoder().encode


def line_of(line: Line) -> bytes:
    """Write a line, with its line end."""
    return _encode(line) + b"\n"


def read_line(data: bytes) -> Line | None:
    """Read a line; None if it is none: half of one, after a crash."""
    try:
        return _decode_line(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def beginning(path: str) -> bytes:
    """Return how every line about `path` begins."""
    return b'{"path":' + _encode(path) + b","


def encoded(end: End) -> msgspec.Raw:
    """Write an end, as it stands in its line."""
    return msgspec.Raw(_encode(end))


def files_in(folder: Path) -> list[Path]:
    """List the files of a folder, oldest first; none if there is no folder."""
    try:
        found = [path for path in folder.iterdir() if path.stem.isdecimal()]
    except OSError:
        return []
    return sorted(found, key=lambda path: int(path.stem))


def file_at(folder: Path, number: int) -> Path:
    """Return the path of the file of that number."""
    return folder / f"{number:08d}.jsonl"


def killed_node(facts: dict[str, Any], last_heard: float | None) -> End:
    """Return the end of a run of a node that has left its `node.json`: it was killed.

    Args:
        facts: What is in that.
        last_heard: When the last event was written, as Unix time; None if that is not known.
    """
    began, pid = facts.get("started_at"), facts.get("pid")
    start = float(began) if isinstance(began, int | float) else 0.0
    at = start if last_heard is None else last_heard
    return End(
        path=NODE,
        at=at,
        boot=str(facts.get("boot", "")),
        kind="node",
        pid=pid if isinstance(pid, int) else 0,
        reason="killed",
        uptime=max(0.0, at - start) if start else 0.0,
    )
