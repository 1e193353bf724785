"""A supervisord.conf."""

import glob
import math
import os
import platform
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from otpy.importing.ini import Section, Value, read_ini
from otpy.importing.result import (
    MOST,
    MOST_COPIES,
    Entry,
    Imported,
    finish,
    literal,
    name_of,
    seconds,
    stop_signal,
    variable,
)

_EXPANSION: Final = re.compile(r"%(?:%|\((?P<name>\w+)\)(?P<form>[-+0-9.]*[sdi]))")
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_LEAST_BYTES: Final = 4 << 10
_MOST_BYTES: Final = 1 << 40
_MOST_FILES: Final = 1000
"""Of an old log, and the sizes of its files, that a tree may have."""

_UMASK: Final = re.compile(r"0?[0-7]{1,3}")
_YES: Final = {"true", "yes", "on", "1"}
_PRIORITY: Final = 999
_LONGEST_WAIT_S: Final = 10.0
_STANDARD: Final = re.compile(r"/dev/(stdout|stderr|fd/[12])|syslog")

_LEFT_OUT: Final = {
    "eventlistener": "otpy has none: read `otpy events -f`, or node.events(); left out",
    "fcgi-program": "needs a socket that supervisord opens; left out",
    "unix_http_server": "is not needed: a node has its own socket, and `otpy` talks to it",
    "inet_http_server": "has no counterpart: only its own user reaches a node",
    "rpcinterface": "has no counterpart: the client is `otpy.connect`",
}
"""Sections that are not carried, by the part of their name before the colon."""

_CARRIED: Final = {
    *("command", "process_name", "numprocs", "numprocs_start", "priority", "autostart"),
    *("startsecs", "startretries", "autorestart", "exitcodes", "stopsignal", "stopwaitsecs"),
    *("stopasgroup", "killasgroup", "user", "directory", "umask", "environment"),
    *("redirect_stderr", "stdout_logfile", "stdout_logfile_maxbytes", "stdout_logfile_backups"),
    *("stderr_logfile", "stderr_logfile_maxbytes", "stderr_logfile_backups"),
}
_OF_THE_DAEMON: Final = {
    *("logfile", "logfile_maxbytes", "logfile_backups", "loglevel", "pidfile", "nodaemon"),
    *("silent", "childlogdir", "strip_ansi", "nocleanup"),
}
"""Keys of [supervisord] for which a node has something of its own; only nodaemon=false is told."""


@dataclass(slots=True)
class _Program:
    """A [program:x] section, and what is read of it.

    Attributes:
        variables: What its values may name.
    """

    section: Section
    name: str
    tree: Imported
    variables: dict[str, str]
    told: set[str] = field(default_factory=set)

    def value(self, key: str, default: str = "") -> str:
        """Return a value, expanded and as a tree's file has it."""
        found = self.section.values.get(key)
        return default if found is None else self.expanded(found)

    def expanded(self, value: Value) -> str:
        """Put in what %(name)s stands for."""
        return _expanded(value, self.variables, self.tree)

    def is_on(self, key: str, default: bool = False) -> bool:
        """Return a boolean."""
        return self.value(key, str(default)).lower() in _YES

    def number(self, key: str, default: int) -> int:
        """Return a number; what is none is told."""
        text = self.value(key, str(default))
        try:
            return min(MOST, max(0, int(text)))
        except ValueError:
            self.note(key, f"got {text!r}, expected a number; taken as {default}")
            return default

    def note(self, key: str, text: str) -> None:
        """Note what could not be carried; of several processes once."""
        if key in self.told:
            return
        self.told.add(key)
        value = self.section.values.get(key)
        file, line = (
            (self.section.file, self.section.line) if value is None else (value.file, value.line)
        )
        self.tree.note(file, line, f"{key}: {text}" if key else text)


def import_supervisord(path: str) -> Imported:
    """Read a supervisord.conf, and the files that it includes.

    Raises:
        CannotImport: A file cannot be read, or is no INI file.
    """
    tree = Imported(path)
    sections: dict[str, Section] = {}
    read_ini(path, sections)
    if "include" in sections:
        _include(sections, tree)
    here = str(Path(path).resolve().parent)
    common = {"here": here, "host_node_name": platform.node()}
    _daemon(sections.get("supervisord"), tree, common, here)
    programs, entries = {}, []
    for section in list(sections.values()):
        kind, _, name = section.name.partition(":")
        if kind == "program" and name:
            variables = {**common, "program_name": name.strip(), "group_name": name.strip()}
            programs[name.strip()] = _Program(section, name.strip(), tree, variables)
        elif kind in _LEFT_OUT:
            tree.note(section.file, section.line, f"[{section.name}] {_LEFT_OUT[kind]}")
        elif kind not in {"supervisord", "supervisorctl", "include", "group"}:
            tree.note(section.file, section.line, f"[{section.name}] is no section of supervisord")
    for section in sections.values():
        kind, _, name = section.name.partition(":")
        if kind == "group":
            entries.append(_group(section, name.strip(), programs, tree, common))
    entries += [(_priority(program), _entry(program)) for program in programs.values()]
    tree.entries = [entry for _, entry in sorted(entries, key=lambda each: each[0])]
    return finish(tree)


def _include(sections: dict[str, Section], tree: Imported) -> None:
    value = sections["include"].values.get("files")
    if value is None:
        return
    here = str(Path(tree.source).resolve().parent)
    variables = {"here": here, "host_node_name": platform.node()}
    variables |= {f"ENV_{name}": each for name, each in os.environ.items()}
    for given in value.text.split():
        pattern = _EXPANSION.sub(lambda m: variables.get(m["name"] or "", m[0]), given)
        files = sorted(glob.glob(str(Path(here) / pattern)))  # noqa: PTH207  # as supervisord
        if not files:
            tree.note(value.file, value.line, f"{given}: there is no such file")
        for file in files:
            read_ini(
                os.path.relpath(file) if not Path(tree.source).is_absolute() else file, sections
            )


def _daemon(section: Section | None, tree: Imported, common: Mapping[str, str], here: str) -> None:
    values = {} if section is None else section.values
    given = {key: _expanded(value, common, tree) for key, value in values.items()}
    tree.fields["name"] = name_of(given.get("identifier") or Path(here).name or "app")
    if user := given.get("user"):
        tree.fields["user"] = user
    if folder := given.get("directory"):
        tree.fields["cwd"] = folder
    if (umask := given.get("umask")) and _UMASK.fullmatch(umask):
        tree.fields["umask"] = umask
    if "environment" in values:
        tree.fields["env"] = _environment(values["environment"], common, tree)
    for key, value in values.items():
        if key in {"minfds", "minprocs"}:
            text = f"{key}: a node raises its own limits; for the children there is `limits`"
            tree.note(value.file, value.line, text)
        elif key == "nodaemon" and given[key].lower() not in _YES:
            text = "nodaemon: `otpy run` stays in the foreground; run it under systemd"
            tree.note(value.file, value.line, text)
        elif key not in _OF_THE_DAEMON | {
            "identifier",
            "user",
            "directory",
            "umask",
            "environment",
        }:
            tree.note(value.file, value.line, f"{key}: has no counterpart")


def _group(
    section: Section,
    name: str,
    programs: dict[str, _Program],
    tree: Imported,
    common: Mapping[str, str],
) -> tuple[int, Entry]:
    group = _Program(section, name, tree, {**common, "group_name": name})
    listed = [each.strip() for each in group.value("programs").split(",") if each.strip()]
    entries = []
    for each in listed:
        if (program := programs.pop(each, None)) is None:
            group.note("programs", f"there is no [program:{each}], or another group has it")
            continue
        program.variables["group_name"] = name
        entries.append((_priority(program), _entry(program)))
    children = [entry for _, entry in sorted(entries, key=lambda each: each[0])]
    return _priority(group), Entry({"id": name}, children)


def _priority(program: _Program) -> int:
    return program.number("priority", _PRIORITY)


def _entry(program: _Program) -> Entry:
    """Return the child of a program; several processes of it are below a supervisor."""
    for key in program.section.values:
        if key not in _CARRIED:
            program.note(key, "has no counterpart")
    count, first = program.number("numprocs", 1), program.number("numprocs_start", 0)
    if count > MOST_COPIES:
        program.note("numprocs", f"only {MOST_COPIES} of {count} processes are written")
        count = MOST_COPIES
    if count <= 1 and "process_name" not in program.section.values:
        program.variables |= {"process_num": str(first), "numprocs": str(count)}
        return _process(program, program.name)
    processes, taken = [], list[str]()
    for number in range(first, first + max(1, count)):
        program.variables |= {"process_num": str(number), "numprocs": str(count)}
        taken.append(name_of(program.value("process_name", program.name), taken))
        processes.append(_process(program, taken[-1]))
    return processes[0] if count <= 1 else Entry({"id": program.name}, processes)


def _process(program: _Program, id_: str) -> Entry:
    fields: dict[str, object] = {"id": id_}
    entry = Entry(fields)
    try:
        fields["command"] = shlex.split(program.value("command"))
    except ValueError as error:
        program.note("command", f"{error}")
        fields["command"] = []
    if not fields["command"] or not fields["command"][0]:  # type: ignore[index]
        program.note("command", "names no program; left out")
        fields["command"], entry.is_left_out = ["false"], True
    fields |= dict(_surroundings(program))
    fields |= dict(_restart(program))
    fields |= dict(_stop(program))
    fields |= dict(_log(program))
    if not program.is_on("autostart", default=True):
        entry.is_left_out, entry.remark = True, "autostart=false"
        program.note("autostart", "otpy starts all children of a tree; left out as a comment")
    return entry


def _surroundings(program: _Program) -> Iterator[tuple[str, object]]:
    for key, ours in (("user", "user"), ("directory", "cwd")):
        if value := program.value(key):
            yield ours, value
    if umask := program.value("umask"):
        if _UMASK.fullmatch(umask):
            yield "umask", umask
        else:
            program.note("umask", f"got {umask!r}, expected an octal number; left out")
    if (given := program.section.values.get("environment")) is not None:
        yield "env", _environment(given, program.variables, program.tree)


def _restart(program: _Program) -> Iterator[tuple[str, object]]:
    """Yield what follows an end.

    supervisord tries `startretries` times, a second longer apart each time, and then gives that
    program up; a program that was up for `startsecs` is restarted for ever.
    """
    again = program.value("autorestart", "unexpected").lower()
    if again not in _YES | {"unexpected"}:
        yield "restart", "temporary"
        return
    if again == "unexpected":
        yield "restart", "transient"
        codes = {each.strip() for each in program.value("exitcodes", "0").split(",")}
        if codes != {"0"}:
            others = ", ".join(sorted(codes - {"0"})) or "0"
            program.note("exitcodes", f"otpy takes 0 alone as expected; {others} differs")
    retries, up = program.number("startretries", 3), program.number("startsecs", 1)
    waits = [
        min(2.0**each, _LONGEST_WAIT_S) for each in range(min(MOST_COPIES, max(0, retries - 1)))
    ]
    yield "max_restarts", retries
    yield "max_seconds", seconds(math.ceil(sum(waits) * 1.2) + (retries + 1) * max(1, up))
    yield "on_give_up", "stay_down"
    yield (
        "backoff",
        {
            "initial": "1s",
            "factor": 2,
            "max": seconds(_LONGEST_WAIT_S),
            "reset_after": seconds(max(1, up)),
        },
    )


def _stop(program: _Program) -> Iterator[tuple[str, object]]:
    given = program.value("stopsignal", "TERM")
    if (number := stop_signal(given)) is None:
        program.note("stopsignal", f"got {given!r}, expected a signal that stops a process")
    if number == "KILL":
        yield "shutdown", "brutal_kill"
        return
    yield "shutdown", seconds(program.number("stopwaitsecs", 10))
    if number not in (None, "TERM"):
        yield "stop_signal", number
    if program.is_on("stopasgroup"):
        yield "stop_group", True


def _log(program: _Program) -> Iterator[tuple[str, object]]:
    file = program.value("stdout_logfile", "AUTO")
    other = program.value("stderr_logfile", "AUTO")
    if not program.is_on("redirect_stderr") and other.lower() not in {
        "",
        "auto",
        "none",
        "off",
        file,
    }:
        program.note("stderr_logfile", "otpy has one log for both; a line of it says its stream")
    if file.lower() in {"", "auto"}:
        return
    if file.lower() in {"none", "off"}:
        yield "log", None
    elif _STANDARD.fullmatch(file):
        yield "log", "inherit"
    else:
        kept = min(_MOST_FILES, program.number("stdout_logfile_backups", 10))
        yield "log", {"file": file, "max_size": _size(program), "keep": kept}


def _size(program: _Program) -> str:
    """Return the size of a log's file with otpy's units."""
    key = "stdout_logfile_maxbytes"
    text = program.value(key, "50MB").upper().removesuffix("B")
    number, unit = (text[:-1], text[-1]) if text.endswith(("K", "M", "G")) else (text, "")
    if not number.isdecimal() or not number.isascii():
        program.note(key, f"got {text!r}, expected a size; 50MiB is taken")
        return "50MiB"
    size = int(number) * _UNITS[unit]
    if size == 0:
        program.note(key, "a file of otpy's has an end; 1GiB is taken")
        return "1GiB"
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        size = min(max(size, _LEAST_BYTES), _MOST_BYTES)
        program.note(key, f"otpy takes from 4KiB to 1TiB; {size} bytes are taken")
        return str(size) + "B"
    return f"{int(number)}{unit}iB" if unit else f"{size}B"


def _environment(value: Value, variables: Mapping[str, str], tree: Imported) -> dict[str, str]:
    """Read KEY="value",OTHER=value as supervisord does."""
    lexer = shlex.shlex(value.text)
    lexer.wordchars += "/.+-():%@"
    found: dict[str, str] = {}
    try:
        tokens = list(lexer)
    except ValueError as error:
        tree.note(value.file, value.line, f"environment: {error}")
        return found
    for start in range(0, len(tokens), 4):
        name, *rest = tokens[start : start + 3]
        if len(rest) != 2 or rest[0] != "=" or not name.isidentifier():
            tree.note(value.file, value.line, f'environment: {name!r} is not KEY="value"; left out')
            continue
        text = Value(rest[1].strip("'\""), value.file, value.line)
        found[name] = _expanded(text, variables, tree)
    return found


def _expanded(value: Value, variables: Mapping[str, str], tree: Imported) -> str:
    parts, end = [], 0
    for found in _EXPANSION.finditer(value.text):
        parts += [
            literal(value.text[end : found.start()]),
            _stands_for(found, value, variables, tree),
        ]
        end = found.end()
    return "".join([*parts, literal(value.text[end:])])


def _stands_for(
    found: "re.Match[str]", value: Value, variables: Mapping[str, str], tree: Imported
) -> str:
    name, form = found["name"], found["form"]
    if name is None:
        return "%"
    if name.startswith("ENV_") and name[4:].isidentifier():
        if name[4:] in os.environ:
            return variable(name[4:])
        tree.note(value.file, value.line, f"{name[4:]} is not set here; it stands for nothing then")
        return variable(name[4:], "")
    if name not in variables:
        tree.note(value.file, value.line, f"{found[0]} stands for nothing that is known here")
        return literal(found[0])
    text = variables[name]
    return literal(f"%{form}" % (int(text) if form[-1] in "di" and text.isdecimal() else text))
