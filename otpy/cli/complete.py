"""The completions of the shell when the user presses Tab; none when none are known."""

import click

from otpy.cli.names import rows_of, short_names, shown
from otpy.cli.session import Session
from otpy.errors import OtpyError
from otpy.system import nodedir


def child_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the names of the running tree's processes, paths once a slash is typed."""
    return [name for name in _names(ctx, paths="/" in incomplete) if name.startswith(incomplete)]


def _names(ctx: click.Context, *, paths: bool) -> list[str]:
    from otpy import connect  # noqa: PLC0415 - few commands complete

    try:
        with connect(ctx.ensure_object(Session).node) as node:
            rows = rows_of(node)
    except (OtpyError, OSError):
        return []
    return [row.path for row in rows] if paths else short_names(rows)


def ended_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete as `child_names` does, and the names of processes of which ends are kept.

    Those may be of a node that does not run.
    """
    from otpy.cli.log_place import log_folder  # noqa: PLC0415 - few commands complete
    from otpy.client.ends import paths_with_ends  # noqa: PLC0415 - as above

    living = child_names(ctx, param, incomplete)
    try:
        ended = paths_with_ends(log_folder(ctx.ensure_object(Session).node).ends)
    except (OtpyError, OSError):
        return living
    names = {shown(path) for path in ended}
    if "/" not in incomplete:
        names = {name.rpartition("/")[2] for name in names}
    return sorted({*living, *(name for name in names if name.startswith(incomplete))})


def node_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the names of the nodes that run."""
    try:
        return [name for name in nodedir.node_names() if name.startswith(incomplete)]
    except (OtpyError, OSError):
        return []


def logged_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the names of the processes that have logged, whether their node runs or not."""
    from otpy.cli.log_place import log_folder  # noqa: PLC0415 - few commands complete
    from otpy.logs.sources import find_sources  # noqa: PLC0415 - as above

    try:
        sources = find_sources(log_folder(ctx.ensure_object(Session).node).log)
    except (OtpyError, OSError):
        return []
    paths = {path for source in sources for path in source.paths or ()}
    above = {path[:place] for path in paths for place, char in enumerate(path) if char == "/"}
    names = {shown(path) for path in paths | above}
    if "/" not in incomplete:
        names = {name.rpartition("/")[2] for name in names}
    return sorted(name for name in names if name.startswith(incomplete))
