"""What the starts of a tree's processes cost, for ``otpy status --boot``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from otpy.cli.names import shown
from otpy.cli.render import Column, elapsed, or_dash, table
from otpy.wire.paths import BESIDE

if TYPE_CHECKING:
    from otpy import ProcessInfo

_COLUMNS: Final = (
    Column("NAME"),
    Column("KIND"),
    Column("STATE"),
    Column("AFTER", right=True),
    Column("TOOK", right=True),
    Column("INCARNATION", right=True),
)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The last start of one process.

    Attributes:
        path: Ids from the root, joined by "/"; "" is the root supervisor.
        name: The path, or ``root``.
        kind: ``supervisor``, ``worker`` or ``command``.
        state: As in the tree.
        incarnation: How often it was started.
        started_at: Unix time in seconds.
        took: Seconds until it was ready; of a supervisor, with all its children. None if it is not
            ready yet.
    """

    path: str
    name: str
    kind: str
    state: str
    incarnation: int
    started_at: float
    took: float | None


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """The starts of a tree, in order; `total` are the seconds that its root took, if it is up."""

    starts: list[Start]
    total: float | None


def boot_of(rows: "Iterable[ProcessInfo]") -> Boot:
    """Collect the last start of each process that runs, the earliest first."""
    starts = [
        Start(
            path=row.path,
            name=shown(row.path),
            kind=row.kind,
            state=row.state,
            incarnation=row.incarnation,
            started_at=row.started_at,
            took=row.took,
        )
        for row in rows
        if row.started_at is not None and row.path not in BESIDE
    ]
    began: dict[str, float] = {}
    for start in starts:
        for path in _with_above(start.path):
            began[path] = min(began.get(path, start.started_at), start.started_at)
    # The times of a supervisor and its children are of several processes; it began before them.
    starts.sort(key=lambda start: (began[start.path], start.path.count("/") + bool(start.path)))
    total = next((start.took for start in starts if not start.path), None)
    return Boot(starts=starts, total=total)


def _with_above(path: str) -> list[str]:
    """Return a path, and those of the supervisors above it."""
    above = [path[:place] for place, char in enumerate(path) if char == "/"]
    return [path, *above, ""] if path else [""]


def laid_out(boot: Boot, *, now: float) -> str:
    """Lay out a line for each start, and the total."""
    began = boot.starts[0].started_at if boot.starts else now
    lines = table(_COLUMNS, [_cells(start, began, now) for start in boot.starts])
    total = f"{elapsed(now - began)} so far" if boot.total is None else elapsed(boot.total)
    return f"{lines}\n\ntotal: {total}"


def _cells(start: Start, began: float, now: float) -> tuple[str, ...]:
    so_far = f"{elapsed(max(0.0, now - start.started_at))} so far"
    took = or_dash(start.took, elapsed) if start.took is not None else so_far
    return (
        start.name,
        start.kind,
        start.state,
        elapsed(max(0.0, start.started_at - began)),
        took,
        str(start.incarnation),
    )
