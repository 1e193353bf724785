"""``otpy schema``."""

from collections.abc import Callable
from typing import Final

import click

from otpy.cli.options import json_option
from otpy.cli.output import answer
from otpy.cli.render import to_pretty_json


def _of_trees() -> dict[str, object]:
    from otpy.config import json_schema  # noqa: PLC0415 - slow to import

    return json_schema()


def _of_events() -> dict[str, object]:
    from otpy.cli.event_schema import event_schema  # noqa: PLC0415 - as above

    return event_schema()


def _of_output() -> dict[str, object]:
    from otpy.cli.output_schema import output_schema  # noqa: PLC0415 - as above

    return output_schema()


SCHEMAS: Final[dict[str, Callable[[], dict[str, object]]]] = {
    "tree": _of_trees,
    "events": _of_events,
    "output": _of_output,
}
"""What there is a schema of."""


@click.command()
@click.argument("what", type=click.Choice([*SCHEMAS]), default="tree")
@json_option
def schema(*, what: str) -> None:
    """Print a JSON Schema, of tree files or what programs read.

    For editors, for example: otpy schema > otpy.schema.json, and in the tree's first line
    "# yaml-language-server: $schema=otpy.schema.json". For programs that read what `otpy events
    --json` prints, events.jsonl, or what `on_event` hands them: otpy schema events; that
    read what commands print with --json: otpy schema output.
    """
    found = SCHEMAS[what]()
    answer(found, to_pretty_json(found))
