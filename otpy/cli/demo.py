"""``otpy demo``."""

from pathlib import Path

import click

from otpy.cli.options import json_option
from otpy.cli.output import stream, wants_json
from otpy.cli.show import show_styled


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@json_option
def demo(*, file: str | None) -> None:
    """Show a tree that survives kill -9, step by step.

    Runs a node of its own, which touches no other, and checks every step. FILE is a tree with a
    counter, as configs/counter.yaml; the one that comes with otpy is its copy.
    """
    import tempfile  # noqa: PLC0415 - as below
    from importlib import resources  # noqa: PLC0415 - as below

    from otpy.cli.demo_script import demonstrate  # noqa: PLC0415 - no other command needs it

    with (
        resources.as_file(resources.files("otpy.cli") / "counter.yaml") as ours,
        tempfile.TemporaryDirectory(prefix="otpy-demo-") as private,
    ):
        demonstrate(Path(file) if file else ours, Path(private), _say)


def _say(line: str) -> None:
    if wants_json():
        stream({"line": click.unstyle(line)}, "")
    else:
        show_styled(line)
