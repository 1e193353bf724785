"""``otpy why``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from otpy.cli.complete import ended_names
from otpy.cli.errors import not_there
from otpy.cli.event_selection import event_file_of
from otpy.cli.names import ROOT, find, rows_of, shown
from otpy.cli.options import json_option, node_option
from otpy.cli.render import to_json
from otpy.cli.session import Session, connected
from otpy.cli.show import show, show_styled
from otpy.errors import NodeNotFound, NoProcess
from otpy.system.nodedir import NodeDir
from otpy.wire.log_lines import local_time
from otpy.wire.paths import NODE

if TYPE_CHECKING:
    from otpy import Node, ProcessInfo
    from otpy.cli.why_view import Subject
    from otpy.wire.ends import End


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=ended_names)
@click.option(
    "--last",
    type=click.IntRange(1),
    default=20,
    metavar="N",
    help="Only the last N ends; the last 20 of each process are kept.",
)
@node_option
@json_option
@click.pass_context
def why(ctx: click.Context, *, names: tuple[str, ...], last: int, as_json: bool) -> None:
    """Show why a process ended.

    All about the last time, and a line for each time before: reason, signal or exit status,
    traceback, message in hand, last lines of output, peak memory, and what its supervisor did
    then. Of a supervisor also which child's end made it give up; @node is the node itself. It works
    as well when the node does not run. --json prints one JSON object a line for each NAME, with
    the newest end first.
    """
    from otpy.cli.why_view import data_of, text_of  # noqa: PLC0415 - shows ends alone

    with not_there():
        subjects = subjects_of(ctx, names)
    for number, subject in enumerate(subjects):
        chosen = subject._replace(ends=subject.ends[-last:])
        if as_json:
            show(to_json(data_of(chosen)))
        else:
            show_styled("\n" * (number > 0) + text_of(chosen))


def subjects_of(ctx: click.Context, names: Sequence[str]) -> "list[Subject]":
    """Find what is asked for, of a node that runs or of the files of one that does not.

    Raises:
        NodeNotFound: There is no such node, and none has left files.
        NoProcess: There is no process of that name, and no end of one is kept.
    """
    try:
        node = connected(ctx)
    except NodeNotFound as error:
        file = event_file_of(ctx.ensure_object(Session).node, error)
        return [_of_files(NodeDir(file.parent.name), name) for name in names]
    rows = rows_of(node)
    return [_of_node(node, rows, name) for name in names]


def _of_node(node: "Node", rows: "Sequence[ProcessInfo]", name: str) -> "Subject":
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
