"""``otpy durable``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.errors import Failed, NotThere
from otpy.cli.names import shown
from otpy.cli.options import json_option, node_option, timeout_option
from otpy.cli.output import Done, answer, each
from otpy.cli.render import Column, plain, record, size, table, to_json
from otpy.cli.session import Session, time_limit
from otpy.durable.places import state_folder
from otpy.errors import NodeNotFound
from otpy.system.nodedir import node_names, read_node_json

if TYPE_CHECKING:
    from otpy.durable.state_files import StateFile

_COLUMNS: Final = (Column("NAME"), Column("VERSION", right=True), Column("SIZE", right=True))


@click.group()
def durable() -> None:
    """Look after the states of durable servers.

    For example: otpy durable export bank -o bank.state
    """


@durable.command("list")
@node_option
@json_option
@click.pass_context
def list_(ctx: click.Context) -> None:
    """List the states of a node."""
    from otpy.durable.state_files import states_in  # noqa: PLC0415 - it imports a database

    folder = _folder(ctx)
    found = states_in(folder)
    rows = [(shown(each.path), _version(each), size(each.bytes), _use(each)) for each in found]
    text = table((*_COLUMNS, Column("STATE")), rows) if rows else f"no states in {folder}"
    answer([_about(each) for each in found], text, is_styled=True)


@durable.command()
@click.argument("name")
@timeout_option
@node_option
@json_option
@click.pass_context
def show(ctx: click.Context, *, name: str) -> None:
    """Show what a state holds: its attributes, and how many rows its tables have.

    Of a server that runs, a copy is shown that it writes for that.
    """
    from otpy.durable.state_files import contents_of  # noqa: PLC0415 - as above

    found = _found(ctx, name)
    if not found.in_use:
        contents = contents_of(found.file)
    else:
        copy = found.file.with_name(f".{found.file.name}.copy-{os.getpid()}")
        try:
            _export(ctx, found, copy)
            contents = contents_of(copy)
        finally:
            copy.unlink(missing_ok=True)
    fields = {
        "version": plain(contents["version"]),
        **{name: to_json(value) for name, value in _sendable(contents["attributes"]).items()},
        **{name: f"a table of {count} rows" for name, count in contents["tables"].items()},
    }
    answer(
        {"name": name, **contents, "attributes": _sendable(contents["attributes"])}, record(fields)
    )


@durable.command()
@click.argument("name")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The file to be made."
)
@timeout_option
@node_option
@json_option
@click.pass_context
def export(ctx: click.Context, *, name: str, output: Path) -> None:
    """Write a copy of a state into a new file, also while its server runs."""
    written = _export(ctx, _found(ctx, name), output.absolute())
    result = {"name": name, "file": str(output), "bytes": written, "did": "wrote"}
    answer(result, f"{name}: wrote {output}, {size(written)}")


@durable.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@node_option
@json_option
@click.pass_context
def import_(ctx: click.Context, *, name: str, file: Path) -> None:
    """Put a copy, as `export` wrote it, in the place of a state.

    The server is to be stopped: `otpy stop NAME` before, `otpy start NAME` after it.
    """
    from otpy.durable.state_files import put_state  # noqa: PLC0415 - as above

    if not file.exists():
        raise Failed(f"there is no file {file}")
    put_state(_folder(ctx), _path(name), file)
    answer({"name": name, "file": str(file), "did": "replaced"}, f"{name}: its state is {file} now")


@durable.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@node_option
@json_option
@click.pass_context
def reset(ctx: click.Context, *, names: tuple[str, ...], yes: bool) -> None:
    """Remove states: their servers begin anew, with `init`.

    The servers are to be stopped. What is removed is gone: `otpy durable export` it before.
    """
    from otpy.durable.state_files import reset_state  # noqa: PLC0415 - as above

    found = {name: _found(ctx, name) for name in names}
    if not yes:
        click.confirm(f"Remove the state of {', '.join(names)}?", abort=True, err=True)

    def one(name: str) -> Done:
        reset_state(found[name].file)
        return Done(f"{name}: has no state any more", {"did": "removed"})

    each(names, one)


def _folder(ctx: click.Context) -> Path:
    """Return the folder of a node's states: where the one that runs has them, or would have."""
    name = ctx.ensure_object(Session).node
    running = node_names()
    if name is None and len(running) != 1:
        which = f"{len(running)} nodes run" if running else "no node runs"
        raise NodeNotFound(f"{which}; name one, as in `otpy -n shop durable list`")
    name = name or running[0]
    return Path(read_node_json(name).get("states") or state_folder(name))


def _path(name: str) -> str:
    return "" if name == "root" else name


def _found(ctx: click.Context, name: str) -> "StateFile":
    from otpy.durable.state_files import state_at  # noqa: PLC0415 - as above

    folder = _folder(ctx)
    found = state_at(folder, _path(name))
    if found is None:
        raise NotThere(f"{name!r} has no state in {folder}", "see `otpy durable list`")
    return found


def _export(ctx: click.Context, found: "StateFile", to: Path) -> int:
    from otpy import connect  # noqa: PLC0415 - few need a client
    from otpy.durable.state_files import copy_state  # noqa: PLC0415 - as above

    if not found.in_use:
        return copy_state(found.file, to)
    name = ctx.ensure_object(Session).node or node_names()[0]
    with connect(name) as node:
        return node[found.path].back_up(str(to), timeout=time_limit(ctx))


def _version(found: "StateFile") -> str:
    return "-" if found.version is None else str(found.version)


def _use(found: "StateFile") -> str:
    if found.in_use:
        return "in use"
    return found.problem or "at rest"


def _about(found: "StateFile") -> dict[str, object]:
    return {
        "name": shown(found.path),
        "file": str(found.file),
        "bytes": found.bytes,
        "in_use": found.in_use,
        "version": found.version,
        "problem": found.problem,
    }


def _sendable(attributes: dict[str, object]) -> dict[str, object]:
    return {name: _or_text(value) for name, value in attributes.items()}


def _or_text(value: object) -> object:
    try:
        to_json(value)
    except TypeError:
        return repr(value)
    return value
