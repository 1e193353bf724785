"""The columns of the table: what stands in them, and which there is room for."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from otpy.cli.processes import memory_text
from otpy.cli.render import or_dash
from otpy.cli.statistics_view import Load
from otpy.top.lines import state_text, uptime_text

_NAME_WIDTH: Final = 20
"""Characters that are left for the name, at least."""


class Column(NamedTuple):
    """One column but the first, which has the name.

    Attributes:
        title: Above it.
        width: Characters.
        rank: Those with the highest are left out first where there is no room.
        text: Returns what stands in it, given the share of looks at which the process was busy.
        order: The order of `ORDERS` that sorts by it; empty if none does.
    """

    title: str
    width: int
    rank: int
    text: Callable[[Load, float | None], str]
    order: str = ""

    def cell(self, text: str) -> str:
        """Return a text in the width of the column, states and the like from the left."""
        if self.title == "STATE":
            return text[: self.width].ljust(self.width)
        return text[: self.width].rjust(self.width)


def _busy(load: Load, share: float | None) -> str:
    if load.busy is not None and load.busy >= 1:
        return f"{load.busy:.0f}s"
    return or_dash(share, lambda part: f"{part:.0%}")


COLUMNS: Final = (
    Column("STATE", 14, 0, lambda load, _: state_text(load, time.time())),
    Column("PID", 8, 9, lambda load, _: or_dash(load.pid)),
    Column("CPU%", 6, 1, lambda load, _: or_dash(load.cpu, "{:.1f}".format), "cpu"),
    Column(
        "MEMORY",
        10,
        2,
        lambda load, _: memory_text(load.memory, is_exact=load.memory_exact),
        "memory",
    ),
    Column("MSG/S", 7, 3, lambda load, _: or_dash(load.rate, "{:.0f}".format), "messages"),
    Column("BUSY", 5, 5, _busy, "busy"),
    Column("QUEUE", 6, 6, lambda load, _: or_dash(load.queue), "queue"),
    Column("RESTARTS", 8, 4, lambda load, _: str(load.restarts)),
    Column("UPTIME", 7, 7, lambda load, _: uptime_text(load, time.time())),
)


def shown_columns(width: int) -> tuple[list[Column], int]:
    """Return the columns that there is room for, and the width of the name."""
    columns = sorted(COLUMNS, key=lambda each: each.rank)
    while columns and width - _width(columns) < _NAME_WIDTH:
        columns.pop()
    return [each for each in COLUMNS if each in columns], max(width - _width(columns), 1)


def _width(columns: list[Column]) -> int:
    return sum(each.width + 1 for each in columns)
