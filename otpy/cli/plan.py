"""``otpy plan``."""

from typing import TYPE_CHECKING

import click

from otpy.cli.errors import FAILED, Problem
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import answer
from otpy.cli.session import time_limit
from otpy.cli.tree_file import node_and_file

if TYPE_CHECKING:
    from otpy import Node
    from otpy.cli.plan_view import Plan
    from otpy.core.spec import SupervisorSpec


@click.command()
@click.argument("file", type=click.Path(), required=False)
@click.option("--show-values", is_flag=True, help="Show the values of variables, not just ***.")
@click.option("--exit-code", is_flag=True, help="End with 1 if there is anything to do.")
@timeout_option
@node_option
@json_option
@click.pass_context
def plan(ctx: click.Context, *, file: str | None, show_values: bool, exit_code: bool) -> None:
    """Print what a reload of FILE would do, and do nothing.

    FILE is the one that the node runs unless it is given. It is checked as by "otpy check", in the
    directory and with the variables that the node was started with, and its modules are imported in
    a process of their own.

    \b
    ~ web: restart: args: [8000] -> [8001]   stopped, and started with the new arguments
    ~ pool: live: max_restarts: 3 -> 10      changed as it runs, with its pid and state
    ! jobs: recreate: strategy: ...          removed, and made anew with all below it
    + cache: add, after db      - old: remove      > logs: move, first

    Ends with 0 whether there is anything to do or not; with 2 if FILE has mistakes.
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    from otpy.cli.plan_view import to_data, to_text  # noqa: PLC0415 - imports what reads a tree

    node, _, config = node_and_file(ctx, file)
    found = plan_of(node, config.spec, time_limit(ctx), show_values=show_values)
    there_is = exit_code and found.steps
    problem = Problem("changes", "there is something to do", "", FAILED) if there_is else None
    answer(to_data(found), to_text(found), problem=problem)


def plan_of(
    node: "Node", wanted: "SupervisorSpec", timeout: float | None, *, show_values: bool
) -> "Plan":
    """Compare what a node runs with what it is to run."""
    from otpy.cli.plan_view import Plan, unchanged  # noqa: PLC0415 - as above
    from otpy.config.data import tree_from_data  # noqa: PLC0415 - as above
    from otpy.core.changes import compare, in_order  # noqa: PLC0415 - as above

    running = node.spec(timeout=timeout)
    spec = tree_from_data(running.fields, running.by_hand, running.deleted)
    steps = tuple(in_order(compare(spec, wanted)))
    touched = {step.path for step in steps}
    states = {each.path: each.state for each in node.tree(timeout=timeout)}
    return Plan(
        steps,
        unchanged(wanted, steps),
        tuple(path for path in running.by_hand if path not in touched),
        {path for path in touched if states.get(path, "stopped") == "stopped"},
        show_values,
    )
