"""The guardians of nodes (`otpy run --heart`), as their files name them."""

import msgspec

from otpy.system.nodedir import NodeDir


class GuardianFacts(msgspec.Struct, frozen=True):
    """A guardian, as the file in its node's folder has it.

    Attributes:
        pid: Its own.
        start_ticks: When it started, in clock ticks since boot.
        restarts: How often it has started its node again.
        reason: How the last run of the node ended; empty for the first.
        config: The file that the node runs; a reload may have been of another one.
    """

    pid: int
    start_ticks: int
    restarts: int = 0
    reason: str = ""
    config: str = ""


def guardian_of(directory: NodeDir) -> GuardianFacts | None:
    """Return the guardian of a node, which may not run just now; None if it has none."""
    try:
        found = msgspec.json.decode(directory.guardian.read_bytes(), type=GuardianFacts)
    except (OSError, msgspec.MsgspecError):
        return None
    from otpy.system.procfs import start_time  # noqa: PLC0415 - most nodes have none

    # The pid alone may be another process's by now.
    return found if start_time(found.pid) == found.start_ticks else None
