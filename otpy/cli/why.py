"""``otpy why``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import click

from otpy.cli.complete import ended_names
from otpy.cli.event_selection import event_file_of
from otpy.cli.names import ROOT, find, rows_of, shown
from otpy.cli.options import several
from otpy.cli.output import Done, each
from otpy.cli.session import Session, answer_timeout, connected
from otpy.errors import NodeNotFound, NoProcess
from otpy.system.nodedir import NodeDir
from otpy.wire.log_lines import local_time
from otpy.wire.paths import NODE

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo
    from otpy.cli.why_view import Subject
    from otpy.wire.ends import End


@click.command()
@click.option(
    "--last",
    type=click.IntRange(1),
    default=20,
    metavar="N",
    help="Only the last N ends; the last 20 of each process are kept.",
)
@several("All processes of which ends are kept.", complete=ended_names)
@click.pass_context
def why(ctx: click.Context, *, names: tuple[str, ...], all_: bool, last: int) -> None:
    """Show why a process ended.

    All about the last time, and a line for each time before: reason, signal or exit status,
    traceback, message in hand, last lines of output, peak memory, and what its supervisor did
    then. Of a supervisor also which child's end made it give up; @node is the node itself. It works
    as well when the node does not run. --json has the newest end first.
    """
    from otpy.cli.why_view import data_of, text_of  # noqa: PLC0415 - shows ends alone

    if bool(names) == all_:
        raise click.UsageError("name processes, or say --all", ctx)
    place = _place(ctx)
    wanted = names or _all_ended(place.directory)
    titles = iter(range(len(wanted)))

    def one(name: str) -> Done:
        subject = place.subject(name)
        chosen = subject._replace(ends=subject.ends[-last:])
        text = "\n" * (next(titles) > 0) + text_of(chosen)
        return Done(text, {**data_of(chosen), "name": name}, is_styled=True)

    each(wanted, one)


class _Known(Protocol):
    """A node that runs, of whichever client."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int: ...


class _Place(NamedTuple):
    """Where to look: a node that runs, or the files of one that does not."""

    directory: NodeDir
    node: "Node | None"
    rows: "list[ProcessInfo]"

    def subject(self, name: str) -> "Subject":
        """Find what is asked for.

        Raises:
            NoProcess: There is no process of that name, and no end of one is kept.
        """
        if self.node is None:
            return _of_files(self.directory, name)
        return subject_of(self.node, self.rows, name)


def _place(ctx: click.Context) -> _Place:
    """Return where to look.

    Raises:
        NodeNotFound: There is no such node, and none has left files.
    """
    try:
        node = connected(ctx)
    except NodeNotFound as error:
        file = event_file_of(ctx.ensure_object(Session).node, error)
        return _Place(NodeDir(file.parent.name), None, [])
    return _Place(NodeDir(node.name), node, rows_of(node, answer_timeout(ctx)))


def _all_ended(directory: NodeDir) -> list[str]:
    from otpy.client.ends import paths_with_ends  # noqa: PLC0415 - shows ends alone

    return [shown(path) for path in sorted(paths_with_ends(directory.ends))]


def subject_of(node: "_Known", rows: "Sequence[ProcessInfo]", name: str) -> "Subject":
    """Return a process of a node that runs, given its tree.

    Raises:
        NoProcess: There is none of that name, and no end of one is kept.
    """
    from otpy.cli.why_view import Subject  # noqa: PLC0415 - as above

    directory = NodeDir(node.name)
    if name == NODE:
        facts = directory.read_node_json()
        return Subject(
            *(name, NODE, node.name, "running", "", node.pid, None, facts.get("started_at")),
            *_ends_of(directory, NODE),
        )
    try:
        row = find(rows, name)
    except NoProcess as error:
        path = _path_in_files(directory, name, error)
        return Subject(
            *(name, path, node.name, "removed", "not in the tree any more", None, None, None),
            *_ends_of(directory, path),
        )
    ends, chain = _ends_of(directory, row.path)
    note = _killed_since(directory, ends)
    return Subject(
        *(shown(row.path), row.path, node.name, row.state, note, row.pid, row.incarnation),
        *(row.started_at, ends, chain),
    )


def _killed_since(directory: NodeDir, ends: "Sequence[End]") -> str:
    """Write that the node was killed since the last end: nobody was left to note those by that."""
    of_node, _ = _ends_of(directory, NODE)
    if not of_node or of_node[-1].reason != "killed" or (ends and ends[-1].at > of_node[-1].at):
        return ""
    return f"the node was killed at {local_time(of_node[-1].at)}, with all that ran then"


def _of_files(directory: NodeDir, name: str) -> "Subject":
    from otpy.cli.why_view import Subject  # noqa: PLC0415 - as above

    path = _path_in_files(directory, name, NoProcess(f"no end of {name!r} is kept"))
    ends, chain = _ends_of(directory, path)
    of_node, _ = _ends_of(directory, NODE)
    if (killed := _killed(directory)) is not None:
        of_node = [*of_node, killed]
    note = f"node {directory.name} does not run"
    if path == NODE:
        ends = of_node
    elif of_node:
        last = of_node[-1]
        note = f"{note}; it ended at {local_time(last.at)}: {last.reason}"
    return Subject(
        *(shown(path), path, directory.name, "node down", note, None, None, None, ends, chain)
    )


def _ends_of(directory: NodeDir, path: str) -> "tuple[list[End], list[End]]":
    """Return the ends of a process, and below the last one those of children that explain it."""
    from otpy.client.ends import read_ends  # noqa: PLC0415 - shows ends alone

    ends = read_ends(directory.ends, path)
    chain: list[End] = []
    last = ends[-1] if ends else None
    while last is not None and last.cause is not None:
        at = last.at
        before = [end for end in read_ends(directory.ends, last.cause.child) if end.at <= at]
        last = before[-1] if before else None
        chain += [last] if last is not None else []
    return ends, chain


def _killed(directory: NodeDir) -> "End | None":
    """Return the end of a node that has left its `node.json`: it was killed."""
    from otpy.client.ends import end_without_notice  # noqa: PLC0415 - as above

    facts = directory.read_node_json()
    return end_without_notice(facts, directory.events) if facts else None


def _path_in_files(directory: NodeDir, name: str, error: NoProcess) -> str:
    """Return the path of a process of which ends are kept."""
    from otpy.client.ends import paths_with_ends  # noqa: PLC0415 - as above

    paths = paths_with_ends(directory.ends)
    if name in (*paths, NODE):
        return name
    if name == ROOT and "" in paths:
        return ""
    found = [path for path in paths if path.rpartition("/")[2] == name]
    if len(found) > 1:
        several = " or ".join(found)
        raise NoProcess(f"{name!r} is the id of {len(found)} children; say {several}")
    if not found and not _is_known(directory, name):
        raise NoProcess(f"{error}" if directory.running else _with_hint(f"{error}", name, paths))
    return found[0] if found else name


def _is_known(directory: NodeDir, name: str) -> bool:
    """Return whether an event of a node that does not run is about a process."""
    from otpy.client.history import read_history  # noqa: PLC0415 - most are found before

    if directory.running:
        return False  # then the tree says so
    try:
        return any(event.path == name for event in read_history(directory.events))
    except OSError:
        return False


def _with_hint(text: str, name: str, paths: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415 - nearly every name is found

    near = difflib.get_close_matches(name, [shown(path) for path in paths], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{text}{hint}; `otpy events` shows what has happened"
