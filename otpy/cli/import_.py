"""``otpy import``."""

from pathlib import Path

import click

from otpy.cli.errors import Failed, WrongFile
from otpy.cli.options import json_option
from otpy.cli.output import answer, wants_json
from otpy.cli.show import show

_TOOLS = ("supervisord", "procfile", "process-compose")


@click.command("import")
@click.argument("file", type=click.Path())
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the tree there.")
@click.option(
    "--from", "kind", type=click.Choice(_TOOLS), help="Which tool's it is; found out by default."
)
@json_option
def import_(*, file: str, output: Path | None, kind: str | None) -> None:
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
        raise WrongFile(str(error)) from None
    notes = sorted(set(tree.notes))
    if output is None:
        text = tree_text(tree)
        answer({"tree": text, "notes": notes}, text.removesuffix("\n"))
    else:
        move(tree, output.parent)
        is_new = _write(output, tree_text(tree))
        did = "wrote" if is_new else "nothing"
        text = f"wrote {output}" if is_new else f"{output} has that tree already"
        result = {"file": str(output), "did": did, "notes": notes}
        answer(result, f"{text}; now: otpy check {output}")
    for note in () if wants_json() else notes:
        show(note, err=True)


def _write(file: Path, text: str) -> bool:
    """Write a file; return whether there was none with that text.

    Raises:
        Failed: There is one with another text.
    """
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        if file.is_file() and file.read_bytes() == text.encode():
            return False
        raise Failed(f"{file} is there already", "nothing was written") from None
    return True
