"""``otpy logs``."""

import re
from typing import Any, Final

import click

from otpy.cli.arguments import MomentType
from otpy.cli.complete import logged_names
from otpy.cli.options import json_option, node_option
from otpy.cli.output import wants_json
from otpy.cli.session import Session

_LAST: Final = 10
"""How many lines `--follow` begins with, unless it is said."""


class _Expression(click.ParamType["re.Pattern[str]"]):
    """A regular expression."""

    name = "regex"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "re.Pattern[str]":
        """Compile it."""
        try:
            return re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            return self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=logged_names)
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what is logged from now, until Ctrl-C."
)
@click.option(
    "--since",
    type=MomentType(),
    metavar="TIME",
    help="Only what was logged since: 10m ago, today, or a local time as 14:30.",
)
@click.option("--until", type=MomentType(), metavar="TIME", help="Only what was logged until then.")
@click.option(
    "--last",
    "--lines",
    "count",
    type=click.IntRange(0),
    metavar="N",
    help="Only the last N records; with -f 10 unless --since is given.",
)
@click.option(
    "--previous", is_flag=True, help="Only the incarnation before the present one, of each process."
)
@click.option(
    "--grep",
    type=_Expression(),
    metavar="REGEX",
    help="Only records with a match in their text, level or logger.",
)
@click.option("--all", "all_", is_flag=True, help="Of all processes, as without a name.")
@node_option
@json_option
@click.pass_context
def logs(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    follow: bool,
    since: float | None,
    until: float | None,
    count: int | None,
    previous: bool,
    grep: "re.Pattern[str] | None",
    all_: bool,
) -> None:
    """Print what processes have logged, in order of time.

    All of the node, or those that NAME says: a path, an id, a supervisor for all below it, @node,
    or a pattern as 'pool/*'. It is read from files: the node need not run. The times are UTC.
    """
    if all_ and names:
        raise click.UsageError("--all goes without a name", ctx)
    if follow and (previous or until is not None):
        wrong = "--previous" if previous else "--until"
        raise click.UsageError(f"--follow does not go with {wrong}, which is over", ctx)
    from otpy.cli.log_reading import LogReading  # noqa: PLC0415 - nothing else needs files of logs

    reading = LogReading(ctx.ensure_object(Session).node, names, since, until, grep)
    if follow:
        few = _LAST if since is None else None
        reading.follow(few if count is None else count, as_json=wants_json())
    else:
        reading.write(count, previous=previous, as_json=wants_json())
