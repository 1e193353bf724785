"""What /proc tells about other processes."""

import os


def children_of(parent: int) -> list[int]:
    """List the pids whose parent is `parent`, zombies included.

    It reads every process's stat, since not every kernel has /proc/PID/task/TID/children.
    """
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    return [pid for pid in pids if (stat := _stat(pid)) is not None and stat[0] == parent]


def session_of(pid: int) -> int | None:
    """Tell the session of `pid`; None if it is gone."""
    stat = _stat(pid)
    return None if stat is None else stat[1]


def _stat(pid: int) -> tuple[int, int] | None:
    """Read parent and session."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123  # half the time of Path
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name stands in parentheses and may itself hold spaces and parentheses.
    _state, parent, _group, session = text[text.rindex(b")") + 2 :].split(b" ", 4)[:4]
    return int(parent), int(session)
