"""``otpy import``."""

from pathlib import Path

import click

from otpy.cli.errors import WRONG, Failed
from otpy.cli.show import show

_TOOLS = ("supervisord", "procfile", "process-compose")


class _WrongFile(Failed):
    """The file is none of the tool's."""

    exit_code = WRONG


@click.command("import")
@click.argument("file", type=click.Path())
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the tree there.")
@click.option(
    "--from", "kind", type=click.Choice(_TOOLS), help="Which tool's it is; found out by default."
)
def import_(file: str, output: Path | None, kind: str | None) -> None:
    """Turn another tool's file into a tree.

    FILE is a supervisord.conf, a Procfile or a process-compose.yaml. Prints the tree, or writes it
    with -o, which overwrites nothing. On stderr is a line for each thing that could not be carried,
    or only in another way: file:line: what.
    """
    from otpy.importing.detect import import_file  # noqa: PLC0415 - slow to import
    from otpy.importing.result import CannotImport, move  # noqa: PLC0415 - as above
    from otpy.importing.write import tree_text  # noqa: PLC0415 - as above

    try:
        tree = import_file(file, kind)
    except CannotImport as error:
        raise _WrongFile(str(error)) from None
    if output is None:
        show(tree_text(tree).removesuffix("\n"))
    else:
        move(tree, output.parent)
        try:
            with output.open("x", encoding="utf-8") as written:
                written.write(tree_text(tree))
        except FileExistsError:
            raise Failed(f"{output} is there already; nothing was written") from None
        show(f"wrote {output}; now: otpy check {output}")
    for note in sorted(set(tree.notes)):
        show(note, err=True)
