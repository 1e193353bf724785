"""``otpy shutdown``."""

import contextlib

import click

from otpy.cli.errors import TimedOut
from otpy.cli.guardians import GuardianEnd, only_guarded
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

    Waits until the node is gone, and says so; its guardian (`otpy run --heart`) ends with it. Of a
    node that has run, and does not run any more, it says that; a name of which no node has ever run
    is an error.
    """
    try:
        node = connected(ctx)
    except NodeNotFound as error:
        if not _stop_guardian(ctx):
            name = _that_has_run(ctx, error)
            result = {"node": name, "did": "nothing"}
            answer(result, f"{name}: does not run, nothing of it is left")
        return
    with contextlib.closing(GuardianEnd(node.name)) as guardian:
        try:
            node.shutdown(timeout=time_limit(ctx))
        except CallTimeout as error:
            hint = f"it goes on stopping; `otpy -n {node.name} tree` shows what still runs"
            raise TimedOut(str(error), hint) from None
        guardian.wait()
    result = {"node": node.name, "did": "stopped"}
    answer(result, f"{node.name}: stopped, nothing of it is left")


def _stop_guardian(ctx: click.Context) -> bool:
    """Stop a guardian that is about to start its node again; return whether there is one."""
    name = ctx.ensure_object(Session).node or only_guarded()
    if name is None:
        return False
    with contextlib.closing(GuardianEnd(name)) as guardian:
        if not guardian.is_there:
            return False
        guardian.stop()
        if not guardian.wait(time_limit(ctx)):
            raise TimedOut(f"the guardian of {name} has not ended in time")
    answer({"node": name, "did": "stopped"}, f"{name}: stopped, and is not started again")
    return True


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
