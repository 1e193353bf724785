"""A Procfile, as of foreman, honcho and Heroku."""

import re
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from otpy.importing.result import CannotImport, Entry, Imported, finish, name_of
from otpy.importing.shell import command_of

_LINE: Final = re.compile(r"([A-Za-z0-9_-]+):\s*(.+)")
_PORT: Final = re.compile(r"\$\{?PORT\b")
_FIRST_PORT: Final = 5000
_PORTS_APART: Final = 100


def import_procfile(path: str) -> Imported:
    """Read a Procfile, and the .env beside it.

    Raises:
        CannotImport: It has no line of a process.
    """
    tree = Imported(path)
    tree.fields["name"] = name_of(Path(path).resolve().parent.name or "app")
    tree.fields["max_restarts"] = "infinity"
    tree.fields["backoff"] = True
    dotenv = Path(path).parent / ".env"
    port = _FIRST_PORT
    if dotenv.is_file():
        tree.fields["env_file"] = ".env"
        port = _first_port(dotenv)
    for number, line in enumerate(Path(path).read_text(errors="replace").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if (found := _LINE.fullmatch(line.strip())) is None:
            tree.note(path, number, "is no line of a process, NAME: COMMAND; left out")
            continue
        _add(tree, number, found[1], found[2], port + _PORTS_APART * len(tree.entries))
    if not tree.entries:
        raise CannotImport(f"{path}: has no line of a process, NAME: COMMAND")
    return finish(tree)


def _add(tree: Imported, line: int, name: str, command: str, port: int) -> None:
    entry = Entry({"id": name_of(name), "command": command_of(command)})
    if _PORT.search(command):
        entry.fields["env"] = {"PORT": str(port)}
        tree.note(tree.source, line, f"PORT of {name} is {port}, as foreman would give; see env")
    if name == "release":
        entry.is_left_out = True
        entry.remark = "Heroku runs this once, before it starts the others."
        text = "release runs once, before the others start: run it before `otpy run`; left out"
        tree.note(tree.source, line, text)
    tree.entries.append(entry)


def _first_port(dotenv: Path) -> int:
    given = dotenv_values(dotenv).get("PORT") or ""
    return int(given) if given.isdecimal() else _FIRST_PORT
