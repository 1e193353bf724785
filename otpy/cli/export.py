"""``otpy export``."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from otpy.cli.errors import Failed
from otpy.cli.options import json_option
from otpy.cli.output import answer

if TYPE_CHECKING:
    from otpy.config import TreeConfig

_FORMATS = ("systemd",)


@click.command()
@click.argument("what", type=click.Choice(_FORMATS))
@click.argument("file", type=click.Path())
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the unit there.")
@click.option("--user", "for_user", is_flag=True, help="A unit for `systemctl --user`.")
@click.option(
    "--run-as",
    metavar="USER",
    help="The user that the node runs as; without it you, unless that is root.",
)
@json_option
def export(
    what: str,  # noqa: ARG001 - there is one kind
    file: str,
    *,
    output: Path | None,
    for_user: bool,
    run_as: str | None,
) -> None:
    """Print the unit of a systemd service for a tree.

    It starts this otpy from this directory. Type=notify: the service is up when the tree is.
    With -o it is written to a file, and overwrites nothing.
    """
    if for_user and run_as is not None:
        raise click.UsageError("--run-as does not go with --user: such a unit runs as its user")
    from otpy.config import load  # noqa: PLC0415 - slow to import

    text = _unit(load(file), for_user=for_user, run_as=run_as)
    if output is None:
        answer({"unit": text, "did": "nothing"}, text.removesuffix("\n"))
        return
    did, says = _written(text, output)
    answer({"file": str(output), "did": did}, says)


def _written(text: str, output: Path) -> tuple[str, str]:
    """Write the unit to a file that is not there, or has it; return what was done."""
    try:
        with output.open("x", encoding="utf-8") as written:
            written.write(text)
    except FileExistsError:
        if output.read_text(encoding="utf-8", errors="replace") == text:
            return "nothing", f"{output} is so already"
        raise Failed(f"{output} is there already", "nothing was written") from None
    return "wrote", f"wrote {output}; now: systemd-analyze verify {output}"


def _unit(config: "TreeConfig", *, for_user: bool, run_as: str | None) -> str:
    import shutil  # noqa: PLC0415 - as above

    from otpy.cli.systemd_unit import (  # noqa: PLC0415 - needs specs
        PATH,
        BadUnit,
        Unit,
        names_users,
        programs_of,
        unit_text,
    )

    programs = [each for each in programs_of(config.spec) if "/" not in each]
    needs_path = any(shutil.which(program, path=PATH) is None for program in programs)
    environment = {"PATH": os.environ.get("PATH", PATH)} if needs_path else {}
    unit = Unit(
        name=config.name,
        spec=config.spec,
        command=[*_otpy(), "run", config.path],
        folder=str(Path.cwd()),
        for_user=for_user,
        account=None if for_user else _account(run_as, is_for_root=names_users(config.spec)),
        environment=environment,
        kill=shutil.which("kill") or "/bin/kill",
    )
    try:
        return unit_text(unit)
    except BadUnit as error:
        raise Failed(str(error)) from None


def _account(run_as: str | None, *, is_for_root: bool) -> str | None:
    """Return the user of the service; None for root."""
    import pwd  # noqa: PLC0415 - as above

    own = pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() and not is_for_root else None
    account = run_as or own
    return None if account in ("root", "0") else account


def _otpy() -> list[str]:
    """Return the command that is this otpy: its script beside the interpreter, if it is there."""
    script = Path(sys.executable).with_name("otpy")
    return [str(script)] if script.exists() else [sys.executable, "-m", "otpy"]
