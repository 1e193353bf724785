"""``otpy reload``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from otpy.cli.errors import Failed, TimedOut
from otpy.cli.options import json_option, node_option, patience_option
from otpy.cli.output import answer, wants_json
from otpy.cli.plan import plan_of
from otpy.cli.session import time_limit
from otpy.cli.show import show
from otpy.cli.tree_file import node_and_file
from otpy.errors import CallTimeout, NotReloaded

if TYPE_CHECKING:
    from otpy import Node


@click.command()
@click.argument("file", type=click.Path(), required=False)
@click.option("--show-values", is_flag=True, help="Show the values of variables, not just ***.")
@patience_option
@node_option
@json_option
@click.pass_context
def reload(ctx: click.Context, *, file: str | None, show_values: bool) -> None:
    """Have a node run what FILE says now, and keep the rest.

    FILE is the one that the node runs unless it is given; from then on the node runs that. It is
    checked first, as by "otpy check", and the plan is printed, as by "otpy plan": see there. Then
    what is removed is stopped, the latest first, and what is new or changed is started in order,
    each once the one before is ready. The first that fails to start puts everything back.

    Ends with 0 when all is done, or was so already; with 1 when it was put back; with 2 if FILE has
    mistakes. With 4 it was not done in time: the node goes on with it.
    """
    from otpy.cli.plan_view import to_data, to_text  # noqa: PLC0415 - imports what reads a tree

    node, _, config = node_and_file(ctx, file)
    plan = plan_of(node, config.spec, time_limit(ctx), show_values=show_values)
    text = to_text(plan)
    if not wants_json():
        show(text)  # before it is done, which may take long
    _reload(node, config.path, time_limit(ctx))
    done = f"{node.name}: reloaded" if plan.steps else f"{node.name}: is so already"
    answer(to_data(plan), done)


def _reload(node: "Node", file: str, timeout: float | None) -> None:
    given = None if file == str(Path(node.config)) else file
    try:
        node.reload(given, timeout=timeout)
    except NotReloaded as error:
        more = f"; `otpy why {error.child}` shows more" if error.child else ""
        raise Failed(f"{error}", f"all is as before{more}", kind="NotReloaded") from None
    except CallTimeout:
        hint = "it goes on; `otpy events` tells what comes of it"
        message = f"node {node.name!r} has not reloaded in time"
        raise TimedOut(message, hint) from None
