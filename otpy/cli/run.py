"""``otpy run``."""

from typing import NoReturn

import click

from otpy.cli.options import json_option


@click.command()
@click.argument("file", type=click.Path())
@json_option
def run(*, file: str) -> NoReturn:
    """Run the tree that FILE describes.

    Prints what happens, a line each, until it is stopped: Ctrl-C or SIGTERM do that in order,
    a second one at once. Ends with 0 after an orderly stop, with 1 after the tree gave up, with
    2 if FILE has mistakes; and with the exit status of an essential child that has ended.
    """
    from otpy.config import load  # noqa: PLC0415 - slow to import
    from otpy.runtime.node.command import exec_node  # noqa: PLC0415 - the node alone needs it
    from otpy.system.signals import raising_when_stopped  # noqa: PLC0415 - as above
    from otpy.system.std_streams import open_standard_streams  # noqa: PLC0415 - the node alone needs it

    open_standard_streams()
    with raising_when_stopped():
        exec_node(load(file))
