"""``otpy scale``."""

import click

from otpy.cli.arguments import InstancesType
from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.options import json_option, node_option, patience_option
from otpy.cli.output import Done, each
from otpy.cli.session import connected, time_limit
from otpy.errors import NotReloaded


@click.command()
@click.argument(
    "wanted",
    nargs=-1,
    required=True,
    type=InstancesType(),
    metavar="NAME=N...",
    shell_complete=child_names,
)
@patience_option
@node_option
@json_option
@click.pass_context
def scale(ctx: click.Context, *, wanted: tuple[tuple[str, int], ...]) -> None:
    """Change how many instances children have.

    It holds until the next reload. NAME is a child with the key "instances". New instances are
    ready when this ends; those that are too many are stopped, the latest first, once their messages
    are answered. If a new one fails to start, there are as many as before, and this ends with 1.
    """
    node = connected(ctx)
    counts = dict(wanted)

    def one(name: str) -> Done:
        count = counts[name]
        try:
            result = node.scale(name, count, timeout=time_limit(ctx))
        except NotReloaded as error:
            hint = "there are as many instances as before"
            raise Failed(str(error), hint, kind="NotReloaded") from None
        plural = "instance" if count == 1 else "instances"
        did = "scaled" if result.changes else "nothing"
        text = f"{name}: {'' if result.changes else 'has '}{count} {plural}"
        return Done(text if result.changes else f"{text} already", {"did": did, "instances": count})

    each(counts, one)
