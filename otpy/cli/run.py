"""``otpy run``."""

from typing import TYPE_CHECKING, NoReturn

import click

from otpy.cli.options import json_option, patience_option
from otpy.cli.session import time_limit

if TYPE_CHECKING:
    from otpy.config import TreeConfig


@click.command()
@click.argument("file", type=click.Path())
@click.option("--detach", is_flag=True, help="Return once the tree is up, or say why it is not.")
@click.option("--heart", is_flag=True, help="Start the node again when it is killed or fails.")
@patience_option
@json_option
@click.pass_context
def run(ctx: click.Context, *, file: str, detach: bool, heart: bool) -> None:
    """Run the tree that FILE describes.

    Prints what happens, a line each, until it is stopped: Ctrl-C or SIGTERM do that in order,
    a second one at once. Ends with 0 after an orderly stop, with 1 after the tree gave up, with
    2 if FILE has mistakes; and with the exit status of an essential child that has ended.

    With --detach the node has no terminal, and what it prints is shown by `otpy logs`. The command
    ends with 0 once the tree is up, or if that node runs already, and with 1 if it does not start.
    If it is not up within --timeout, the node is stopped.
    """
    if not detach and time_limit(ctx) is not None:
        raise click.UsageError("--timeout goes with --detach", ctx)
    from otpy.config import load  # noqa: PLC0415 - slow to import
    from otpy.system.signals import raising_when_stopped  # noqa: PLC0415 - the node alone needs it
    from otpy.system.std_streams import open_standard_streams  # noqa: PLC0415 - as above

    open_standard_streams()
    with raising_when_stopped():
        config = load(file)
        if not detach:
            _become_node(config, heart=heart)
    from otpy.cli.detach import Detaching  # noqa: PLC0415 - few are

    Detaching(config, heart=heart, timeout=time_limit(ctx)).run(ctx)


def _become_node(config: "TreeConfig", *, heart: bool) -> NoReturn:
    from otpy.cli.guardians import refuse_guarded  # noqa: PLC0415 - the node alone needs it

    refuse_guarded(config.name)
    if heart:
        from otpy.runtime.node.heart import exec_heart  # noqa: PLC0415 - few have a guardian

        exec_heart(config)
    from otpy.runtime.node.command import exec_node  # noqa: PLC0415 - as above

    exec_node(config)
