"""``otpy start``."""

import json
from typing import TYPE_CHECKING, Any

import click

from otpy.cli.complete import child_names
from otpy.cli.errors import Failed
from otpy.cli.names import ROOT, find, rows_of, supervisor_of
from otpy.cli.options import node_option
from otpy.cli.session import connected
from otpy.cli.show import show
from otpy.wire.paths import BESIDE, ON_EVENT

if TYPE_CHECKING:
    from otpy import ChildInfo


@click.command()
@click.argument("name", metavar="NAME|SUPERVISOR", shell_complete=child_names)
@click.argument("spec", metavar="[SPEC]", required=False)
@node_option
@click.pass_context
def start(ctx: click.Context, name: str, spec: str | None) -> None:
    """Start a stopped child again, or add a new one.

    \b
    otpy start counter                                    again, after "otpy terminate"
    otpy start pool '{"id": "w3", "start": "shop:Work"}'  new, under the supervisor pool
    otpy start root @child.yaml                           new, under the root supervisor
    otpy start pool '{"args": [5]}'                       new, made from pool's template

    SPEC has the fields that a child has in a tree's file, as JSON or in a YAML file after an @.
    SUPERVISOR may be left out for the root supervisor.
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    if spec is None and name.startswith(("{", "@")) and name not in (*BESIDE, ON_EVENT):
        name, spec = ROOT, name
    data = None if spec is None else read_spec(spec)
    node = connected(ctx)
    row = find(rows_of(node), name)
    if data is None:
        supervisor, child = supervisor_of(node, row)
        show(f"{row.path}: {started(supervisor.restart_child(child))}")
    elif row.kind == "supervisor":
        info = node.supervisor(row.path).start_child(data)
        show(f"{row.path}/{info.id}: {started(info)}".lstrip("/"))
    else:
        raise Failed(f"{name} is no supervisor, so it cannot have children")


def started(info: "ChildInfo") -> str:
    """Return the line that a child was started, or that its init returned `Ignore`."""
    return "ignored its start" if info.pid is None else f"started, pid {info.pid}"


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
