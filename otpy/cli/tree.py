"""``otpy tree``."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.names import ROOT, rows_of
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import answer
from otpy.cli.processes import Process, groups_of, measured, measured_node
from otpy.cli.render import Column, duration, or_dash, table
from otpy.cli.session import ANSWER_S, answer_timeout, connected

if TYPE_CHECKING:
    from otpy import Node

COLUMNS: Final = (
    Column("NAME"),
    Column("STATE"),
    Column("PID", right=True),
    Column("INCARNATION", right=True),
    Column("RESTARTS", right=True),
    Column("MEMORY", right=True),
    Column("UPTIME", right=True),
)


@click.command()
@timeout_option
@node_option
@json_option
@click.pass_context
def tree(ctx: click.Context) -> None:
    """Draw the running tree.

    INCARNATION counts how often a child was started, RESTARTS how often it came up again.
    MEMORY is what a process has with all that it has started, except the children of a supervisor,
    which have lines of their own. A page that several share counts by its share (PSS), so that the
    lines add up; < marks what may not be looked at that closely.
    """
    processes = look_at(connected(ctx), answer_timeout(ctx))
    answer(processes, draw(processes), is_styled=True)


def look_at(node: "Node", timeout: float = ANSWER_S) -> list[Process]:
    """List the processes of `node` as they are now, itself first."""
    now, rows = time.time(), rows_of(node, timeout)
    groups = groups_of(rows, node.pid)
    return [measured_node(node, groups, now=now), *measured(rows, groups, now=now)]


def draw(processes: Sequence[Process]) -> str:
    """Lay out a table whose first column draws the tree; the node comes first."""
    node, *others = processes
    names = [node.name, *branches([process.path or "" for process in others])]
    return table(COLUMNS, [_row(*pair) for pair in zip(names, processes, strict=True)])


def _row(name: str, process: Process) -> tuple[str, ...]:
    return (
        name,
        process.state,
        or_dash(process.pid),
        or_dash(process.incarnation),
        or_dash(process.restarts),
        process.memory_text,
        or_dash(process.uptime, duration),
    )


def branches(paths: Sequence[str]) -> Iterator[str]:
    """Return each path with its branch of the drawing; `paths` are depth first.

    >>> list(branches(["@gateway", "", "a", "a/b", "c"]))
    ['├─ @gateway', '└─ root', '   ├─ a', '   │  └─ b', '   └─ c']
    """
    places = [_place(path) for path in paths]
    last_children = set({place[:-1]: place for place in places}.values())
    for place in places:
        above = (place[:depth] for depth in range(1, len(place)))
        stems = "".join("   " if parent in last_children else "│  " for parent in above)
        yield f"{stems}{'└─ ' if place in last_children else '├─ '}{place[-1]}"


def _place(path: str) -> tuple[str, ...]:
    if path.startswith("@"):
        return (path,)
    return (ROOT, *path.split("/")) if path else (ROOT,)
