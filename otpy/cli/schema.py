"""``otpy schema``."""

import click

from otpy.cli.options import json_option
from otpy.cli.render import to_pretty_json
from otpy.cli.show import show


@click.command()
@json_option
def schema(*, as_json: bool) -> None:  # noqa: ARG001 - it is JSON either way
    """Print the JSON Schema of tree files, for editors.

    For example: otpy schema > otpy.schema.json, and in the tree's first line
    "# yaml-language-server: $schema=otpy.schema.json".
    """
    from otpy.config import json_schema  # noqa: PLC0415 - slow to import

    show(to_pretty_json(json_schema()))
