"""``otpy start``."""

import json
from collections.abc import Sequence
from typing import Any

import click

from otpy.cli.control import Control
from otpy.cli.names import ROOT, find, rows_of
from otpy.cli.options import patience_option, several
from otpy.cli.output import answer
from otpy.cli.session import answer_timeout, connected, time_limit
from otpy.cli.targets import down, targets
from otpy.wire.paths import BESIDE, ON_EVENT


@click.command()
@several("All that are stopped or have failed.", timeout=patience_option)
@click.pass_context
def start(ctx: click.Context, *, names: tuple[str, ...], all_: bool) -> None:
    """Start stopped children again, or add a new one.

    \b
    otpy start counter                                    again, after "otpy stop"
    otpy start pool '{"id": "w3", "start": "shop:Work"}'  new, under the supervisor pool
    otpy start root @child.yaml                           new, under the root supervisor
    otpy start pool '{"args": [5]}'                       new, made from pool's template

    What has the fields of a child in a tree's file, as JSON or in a YAML file after an @, is a
    child to add, to the supervisor before it or else to the root supervisor. One that runs already
    is no failure; one that waits for its next start is started at once.
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    if names and _is_spec(names[-1]):
        _add(ctx, names[:-1], read_spec(names[-1]))
        return
    found = targets(ctx, names, all_=all_, choose=down)
    control = Control(found.node, time_limit(ctx))
    found.each(control.start)


def _is_spec(word: str) -> bool:
    return word.startswith(("{", "@", "[")) and word not in (*BESIDE, ON_EVENT)


def _add(ctx: click.Context, supervisors: Sequence[str], data: dict[str, Any]) -> None:
    if len(supervisors) > 1:
        raise click.UsageError("name one supervisor for the child that SPEC describes", ctx)
    node = connected(ctx)
    supervisor = find(rows_of(node, answer_timeout(ctx)), *(supervisors or (ROOT,)))
    done = Control(node, time_limit(ctx)).add(supervisor, data)
    answer([{"ok": True, **done.fields}], done.text)


def read_spec(word: str) -> dict[str, Any]:
    """Read a child's fields, from JSON or from the file named after an @.

    Raises:
        SpecError: The file has mistakes.
    """
    data: object
    if word.startswith("@"):
        from otpy.config import load_data  # noqa: PLC0415 - slow to import

        data = load_data(word[1:])
    else:
        try:
            data = json.loads(word)
        except (ValueError, RecursionError) as error:
            raise click.UsageError(f"SPEC is neither JSON ({error}) nor @file.yaml") from None
    if not isinstance(data, dict) or not (data.keys() <= {"args"} or _has_id(data)):
        raise click.UsageError('SPEC is not a mapping with an id, as {"id": "w3", "start": ...}')
    return data


def _has_id(data: dict[str, Any]) -> bool:
    return isinstance(data.get("id"), str)
