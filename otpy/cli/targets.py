"""The processes that a command line names: ``otpy restart a pool/b 'web-*'``, or ``--all``."""

import fnmatch
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from otpy.cli.names import find, rows_of, shown
from otpy.cli.output import Done, each
from otpy.cli.session import answer_timeout, connected
from otpy.errors import NoProcess, OtpyError

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo

_PATTERN: Final = re.compile(r"[*?\[]")
_MOST_SUGGESTIONS: Final = 10
"""To find what may have been meant takes milliseconds for each name."""


class Targets(NamedTuple):
    """The processes that are meant, of a node.

    Attributes:
        node: Of theirs.
        names: As they are shown; unknown ones as they were said.
        found: By name the process, why there is none, or what is so already.
        rows: Everything that the node has.
    """

    node: "Node"
    names: tuple[str, ...]
    found: "dict[str, ProcessInfo | NoProcess | Done]"
    rows: "list[ProcessInfo]"

    def row(self, name: str) -> "ProcessInfo":
        """Return the process of one of the names.

        Raises:
            NoProcess: There is none.
        """
        row = self.found[name]
        if isinstance(row, NoProcess):
            raise row
        assert not isinstance(row, Done)
        return row

    def each(self, do: "Callable[[ProcessInfo], Done]") -> None:
        """Do something to each process, and print what was done: see `otpy.cli.output.each`."""

        def one(name: str) -> Done:
            if isinstance(already := self.found[name], Done):
                return already
            row = self.row(name)
            done = do(row)
            return done._replace(fields={"path": row.path, **done.fields})

        each(self.names, one)

    def titled(self, name: str, text: str) -> str:
        """Return a text of several lines, under its name if there are several of them."""
        return text if len(self.names) == 1 else f"{name}:\n{text}\n"


def targets(
    ctx: click.Context,
    names: Sequence[str],
    *,
    all_: bool,
    choose: "Callable[[Sequence[ProcessInfo]], Iterable[ProcessInfo]]",
    once_removed: str = "",
    beside: "Callable[[Node], list[ProcessInfo]]" = lambda _node: [],
) -> Targets:
    """Find the processes that a command line names.

    Args:
        ctx: Of the command.
        names: Paths, ids, names that processes took, or patterns for whole paths.
        all_: Whether it says ``--all``.
        choose: What ``--all`` are, of all that the node has.
        once_removed: What is said of a process that is in the tree no more, but that an event says
            to have been; empty if it is an unknown name, as any other.
        beside: Returns what may be named as well, and is in no tree.

    Raises:
        click.UsageError: There are neither names nor ``--all``, or both.
        NodeNotFound: There is no such node.
    """
    if bool(names) == all_:
        raise click.UsageError("name processes, or say --all", ctx)
    node = connected(ctx)
    rows = [*beside(node), *rows_of(node, answer_timeout(ctx))]
    found: dict[str, ProcessInfo | NoProcess | Done] = {}
    if all_:
        found |= {shown(row.path): row for row in choose(rows)}
    lookup = _Lookup(node, rows)
    for name in names:
        for row in lookup.named(name):
            if not isinstance(row, NoProcess):
                found.setdefault(shown(row.path), row)
            elif once_removed and lookup.was_removed(name):
                found[name] = Done(f"{name}: {once_removed}", {"did": "nothing"})
            else:
                found[name] = row
    return Targets(node, tuple(found), found, rows)


class _Lookup:
    """Finds processes by their names, of which there may be thousands."""

    def __init__(self, node: "Node", rows: "Sequence[ProcessInfo]") -> None:
        self._node, self._rows = node, rows
        self._by_path = {row.path: row for row in rows}
        self._ids = Counter(row.path.rpartition("/")[2] for row in rows)
        self._by_id = {row.path.rpartition("/")[2]: row for row in rows}
        self._unknown = 0
        self._removed: frozenset[str] | None = None

    def named(self, name: str) -> "list[ProcessInfo | NoProcess]":
        """Return the process of that name, or those that a pattern fits; else why there is none."""
        if name in self._by_path:
            return [self._by_path[name]]
        if name and self._ids[name] == 1:
            return [self._by_id[name]]
        if _PATTERN.search(name):
            matching = [row for row in self._rows if _is_like(row.path, name)]
            if matching:
                return [*matching]
        return [self._taken(name) or self._why_none(name)]

    def was_removed(self, name: str) -> bool:
        """Return whether an event says that a process of that path or id was removed."""
        if self._removed is None:
            self._removed = _removed_paths(self._node)
        return name in self._removed

    def _taken(self, name: str) -> "ProcessInfo | None":
        """Return which process took a name, that is neither its path nor its id."""
        try:
            return self._node[name].info()
        except NoProcess:
            return None

    def _why_none(self, name: str) -> NoProcess:
        self._unknown += 1
        try:
            find(self._rows, name, suggest=self._unknown <= _MOST_SUGGESTIONS)
        except NoProcess as error:
            return error
        raise AssertionError(name)


def _removed_paths(node: "Node") -> frozenset[str]:
    from otpy.cli.events import past_of  # noqa: PLC0415 - nearly every name is found
    from otpy.events import ChildRemoved  # noqa: PLC0415 - as above

    past = past_of(node, with_file=True)
    paths = {event.path for event in past if isinstance(event, ChildRemoved)}
    return frozenset(paths | {path.rpartition("/")[2] for path in paths})


def is_suspended(node: "Node", row: "ProcessInfo") -> bool | None:
    """Return whether a worker is suspended; None if nobody knows."""
    if row.kind != "worker" or row.pid is None:
        return None
    try:
        return node[row.path].statistics().suspended
    except OtpyError:
        return None


def _is_like(path: str, pattern: str) -> bool:
    return bool(path) and path[0] != "@" and fnmatch.fnmatchcase(path, pattern)


def children(rows: "Sequence[ProcessInfo]") -> "list[ProcessInfo]":
    """Return the children of the root supervisor: with them all below it."""
    return [row for row in rows if row.path and row.path[0] != "@" and "/" not in row.path]


def down(rows: "Sequence[ProcessInfo]") -> "list[ProcessInfo]":
    """Return what is stopped or has failed, without what is below it."""
    found: list[ProcessInfo] = []
    for row in rows:
        if row.state not in ("stopped", "failed") or not row.path or row.path[0] == "@":
            continue
        if not (found and row.path.startswith(f"{found[-1].path}/")):
            found.append(row)
    return found


def workers(rows: "Sequence[ProcessInfo]") -> "list[ProcessInfo]":
    """Return the workers that have a process."""
    return [row for row in rows if row.kind == "worker" and row.pid is not None]


def with_process(rows: "Sequence[ProcessInfo]") -> "list[ProcessInfo]":
    """Return all that have a process, in the tree and beside it."""
    return [row for row in rows if row.pid is not None]
