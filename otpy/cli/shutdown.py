"""``otpy shutdown``."""

import click

from otpy.cli.errors import TimedOut
from otpy.cli.options import json_option, node_option, patience_option
from otpy.cli.output import answer
from otpy.cli.session import Session, connected, time_limit
from otpy.errors import CallTimeout, NodeNotFound


@click.command()
@patience_option
@node_option
@json_option
@click.pass_context
def shutdown(ctx: click.Context) -> None:
    """Stop the whole tree in order.

    Waits until the node is gone, and says so. Of a node that has run, and does not run any more, it
    says that; a name of which no node has ever run is an error.
    """
    try:
        node = connected(ctx)
    except NodeNotFound as error:
        name = _that_has_run(ctx, error)
        result = {"node": name, "did": "nothing"}
        answer(result, f"{name}: does not run, nothing of it is left")
        return
    try:
        node.shutdown(timeout=time_limit(ctx))
    except CallTimeout as error:
        hint = f"it goes on stopping; `otpy -n {node.name} tree` shows what still runs"
        raise TimedOut(str(error), hint) from None
    result = {"node": node.name, "did": "stopped"}
    answer(result, f"{node.name}: stopped, nothing of it is left")


def _that_has_run(ctx: click.Context, why: NodeNotFound) -> str:
    """Return the name of the node that is meant, which has ended.

    Raises:
        NodeNotFound: There is none, or it does run.
    """
    from otpy.cli.event_selection import event_file_of  # noqa: PLC0415 - most nodes run

    try:
        return event_file_of(ctx.ensure_object(Session).node, why).parent.name
    except NodeNotFound:
        raise why from None
