"""A process-compose.yaml."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml

from otpy.importing.result import (
    MOST_COPIES,
    CannotImport,
    Entry,
    Imported,
    finish,
    literal,
    name_of,
    seconds,
    stop_signal,
    variable,
)
from otpy.importing.shell import command_of

_REFERENCE: Final = re.compile(
    r"\$\$|\$\{(?P<braced>[A-Za-z_]\w*)(?::-(?P<default>[^}$]*))?\}|\$(?P<plain>[A-Za-z_]\w*)",
    re.ASCII,
)
_TEMPLATE: Final = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")
_SPECIAL: Final = re.compile(r"[\\.^$*+?{}\[\]|()]")
"""What is no letter of its own in a regular expression."""

_HOST: Final = re.compile(r"[A-Za-z0-9.-]+")
_FOR_EVER: Final = "24h"
_RESTARTS: Final = {
    "no": "temporary",
    "always": "permanent",
    "on_failure": "transient",
    "exit_on_failure": "transient",
}
_OF_A_PROCESS: Final = {
    *("command", "entrypoint", "environment", "env_file", "working_dir", "depends_on", "vars"),
    *("availability", "shutdown", "readiness_probe", "liveness_probe", "ready_log_line"),
    *("log_location", "log_configuration", "namespace", "replicas", "is_daemon", "disabled"),
    *("description", "launch_timeout_seconds"),
}
_OF_THE_FILE: Final = {
    *("version", "processes", "environment", "env_file", "log_location", "log_level", "log_length"),
    *("shell", "is_strict", "name", "vars", "log_configuration", "is_tui_disabled"),
}
_READY: Final = {"process_healthy", "process_log_ready"}
_AT_ITS_START: Final = {"process_started", *_READY}


class _Loader(yaml.SafeLoader):
    """As SafeLoader, but `yes`, `no`, `on` and `off` are strings, as for process-compose."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, known) for tag, known in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(slots=True)
class _File:
    """The file as it is read: its tree, and where each key stands.

    Attributes:
        waited_for: The names of those that others wait for until they are ready.
    """

    tree: Imported
    lines: dict[tuple[str, ...], int]
    shell: tuple[str, ...] = ("bash", "-c")
    variables: dict[str, object] = field(default_factory=dict)
    waited_for: set[str] = field(default_factory=set)

    def note(self, at: tuple[str, ...], text: str) -> None:
        """Note what could not be carried of the value at a place."""
        line = next((self.lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.lines), 1)
        self.tree.note(self.tree.source, line, text)


def import_process_compose(path: str) -> Imported:
    """Read a process-compose.yaml.

    Raises:
        CannotImport: It is no YAML, or has no processes.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        data = yaml.load(text, _Loader)  # noqa: S506  # a safe one
        lines = dict(_lines(yaml.compose(text, _Loader), ()))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f"{mark.line + 1}:"
        problem = getattr(error, "problem", None) or "cannot be read"
        raise CannotImport(f"{path}:{line} is no YAML: {problem}") from None
    processes = data.get("processes") if isinstance(data, dict) else None
    if not isinstance(processes, dict):
        raise CannotImport(f"{path}: has no mapping of processes")
    file = _File(Imported(path), lines)
    _top(file, data)
    known = {str(name): each for name, each in processes.items() if isinstance(each, dict)}
    for name in processes:
        if str(name) not in known:
            file.note(("processes", str(name)), f"{name}: is no mapping; left out")
    for each in known.values():
        file.waited_for |= {name for name, when in _needed(each).items() if when in _READY}
    entries = {name: _entry(file, name, known[name]) for name in _in_order(file, known)}
    file.tree.entries = _in_namespaces(file, known, entries)
    if any(_word(each) == "exit_on_failure" for each in known.values()):
        file.tree.fields["max_restarts"] = 0  # so that its end is that of all
    return finish(file.tree)


def _lines(node: "yaml.Node | None", at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the line of each key; each node of the file once."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*at, str(key.value))
            yield place, key.start_mark.line + 1
            if len(place) < 5:  # nothing that is told of is deeper
                yield from _lines(value, place)


# ---- the top ---------------------------------------------------------------------------------


def _top(file: _File, data: Mapping[Any, Any]) -> None:
    fields = file.tree.fields
    folder = Path(file.tree.source).resolve().parent
    fields["name"] = name_of(str(data.get("name") or folder.name or "app"))
    if env := _environment(file, data.get("environment"), ("environment",)):
        fields["env"] = env
    files = _env_files(data.get("env_file"))
    if (folder / ".env").is_file() and ".env" not in files:
        files.insert(0, ".env")
    if files:
        fields["env_file"] = files
    match data.get("shell"):
        case {"shell_command": str(command), "shell_argument": str(argument)}:
            file.shell = (command, argument)
        case None:
            pass
        case _:
            file.note(("shell",), "shell: is not understood; bash -c is taken")
    if isinstance(variables := data.get("vars"), dict):
        file.variables = {str(name): each for name, each in variables.items()}
    if data.get("log_location"):
        text = "log_location: each child has its own log; for all of them: `otpy logs`"
        file.note(("log_location",), text)
    for key in data:
        if str(key) not in _OF_THE_FILE:
            file.note((str(key),), f"{key}: has no counterpart")


def _env_files(given: object) -> list[str]:
    match given:
        case str() if given:
            return [literal(given)]
        case list():
            return [literal(str(each)) for each in given if str(each or "")]
        case _:
            return []


def _environment(file: _File, given: object, at: tuple[str, ...]) -> dict[str, str]:
    found = {}
    match given:
        case dict():
            pairs = [
                (str(name), "" if each is None else _text(each)) for name, each in given.items()
            ]
        case list():
            pairs = []
            for each in given:
                name, equals, value = str(each).partition("=")
                if not equals:
                    file.note(at, f"environment: {each!r} is not NAME=value; left out")
                    continue
                pairs.append((name, value))
        case _:
            pairs = []
    for name, value in pairs:
        if not name or "=" in name or "\0" in name:
            file.note(at, f"environment: {name!r} is no name; left out")
        else:
            found[literal(name)] = _expanded(file, value)
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _expanded(file: _File, text: str, numbers: Mapping[str, object] | None = None) -> str:
    """Return a value whose variables process-compose would put in."""
    text = _template(file, text, numbers or {})
    parts, end = [], 0
    for found in _REFERENCE.finditer(text):
        name = found["braced"] or found["plain"]
        stands_for = "$" if name is None else variable(name, found["default"] or "")
        parts += [literal(text[end : found.start()]), stands_for]
        end = found.end()
    return "".join([*parts, literal(text[end:])])


def _template(file: _File, text: str, numbers: Mapping[str, object]) -> str:
    known = {**file.variables, **numbers}
    return _TEMPLATE.sub(lambda m: str(known.get(m[1], m[0])), text)


# ---- order -----------------------------------------------------------------------------------


def _in_order(file: _File, processes: Mapping[str, Mapping[Any, Any]]) -> list[str]:
    """Return the names so that each comes after what it depends on."""
    left, done = dict.fromkeys(processes), list[str]()
    while left:
        ready = [n for n in left if not (_needed(processes[n]).keys() & left.keys()) - {n}]
        if not ready:
            name = next(iter(left))
            file.note(("processes", name, "depends_on"), "depends_on: goes in a circle")
            ready = [name]
        for name in ready[:1]:
            del left[name]
            done.append(name)
    return done


def _needed(process: Mapping[Any, Any]) -> dict[str, str]:
    match process.get("depends_on"):
        case dict() as given:
            return {
                str(name): str(each.get("condition", "process_started"))
                if isinstance(each, dict)
                else "process_started"
                for name, each in given.items()
            }
        case list() as names:
            return {str(name): "process_started" for name in names}
        case _:
            return {}


def _in_namespaces(
    file: _File, processes: Mapping[str, Mapping[Any, Any]], entries: Mapping[str, Entry]
) -> list[Entry]:
    """Put the processes of a namespace below a supervisor, if the order allows it."""
    spaces = {name: str(processes[name].get("namespace") or "default") for name in entries}
    if set(spaces.values()) <= {"default"}:
        return list(entries.values())
    after: dict[str, set[str]] = {space: set() for space in spaces.values()}
    for name, space in spaces.items():
        after[space] |= {spaces[n] for n in _needed(processes[name]) if n in spaces} - {space}
    order: list[str] = []
    while len(order) < len(after):
        ready = [s for s in after if s not in order and after[s] <= set(order)]
        if not ready:
            text = "namespace: they depend on each other in a circle, so that there are none"
            file.note(("processes", next(iter(entries)), "namespace"), text)
            return list(entries.values())
        order.append(ready[0])
    found: list[Entry] = []
    for space in order:
        members = [entries[name] for name in entries if spaces[name] == space]
        if space == "default":
            found += members
        else:
            found.append(Entry({"id": name_of(space)}, members))
    return found


# ---- a process -------------------------------------------------------------------------------


def _entry(file: _File, name: str, process: Mapping[Any, Any]) -> Entry:
    at = ("processes", name)
    for key in process:
        if str(key) not in _OF_A_PROCESS:
            file.note((*at, str(key)), f"{name}: {key} has no counterpart")
    for needed, condition in _needed(process).items():
        _check_condition(file, name, needed, condition)
    wanted = int(_number(file, (*at, "replicas"), process.get("replicas"), 1))
    if (count := min(wanted, MOST_COPIES)) < wanted:
        file.note((*at, "replicas"), f"{name}: only {count} of {wanted} are written")
    if count <= 1:
        return _process(file, name, name_of(name), process, 0)
    copies = [_process(file, name, f"{name_of(name)}-{n}", process, n) for n in range(count)]
    return Entry({"id": name_of(name)}, copies)


def _check_condition(file: _File, name: str, needed: str, condition: str) -> None:
    at = ("processes", name, "depends_on", needed)
    if condition.startswith("process_completed"):
        text = f"{name}: otpy starts it after {needed} has started, and not after it has ended"
        file.note(at, text)
    elif condition not in _AT_ITS_START:
        file.note(at, f"{name}: depends_on: unknown condition {condition!r}")


def _process(file: _File, name: str, id_: str, process: Mapping[Any, Any], number: int) -> Entry:
    at = ("processes", name)
    numbers = {"PC_REPLICA_NUM": number, **_vars(process)}
    entry = Entry({"id": id_, "command": _command(file, at, process, numbers)})
    if isinstance(process.get("description"), str):
        entry.remark = process["description"]
    if entry.fields["command"] == []:
        file.note(at, f"{name}: has no command; left out")
        entry.fields["command"], entry.is_left_out = ["false"], True
    env = _environment(file, process.get("environment"), (*at, "environment"))
    text = _text(process.get("command") or "")
    env |= {n: str(v) for n, v in (("PC_REPLICA_NUM", number), ("PC_PROC_NAME", name)) if n in text}
    if env:
        entry.fields["env"] = env
    if files := _env_files(process.get("env_file")):
        entry.fields["env_file"] = files
    if folder := process.get("working_dir"):
        entry.fields["cwd"] = _expanded(file, _text(folder), numbers)
    entry.fields |= dict(_restart(file, at, process))
    entry.fields |= dict(_stop(file, at, process))
    entry.fields |= dict(_probes(file, at, process, numbers))
    entry.fields |= dict(_log(file, at, process, numbers))
    _leave_out(file, at, process, entry)
    return entry


def _vars(process: Mapping[Any, Any]) -> dict[str, object]:
    given = process.get("vars")
    return {str(name): each for name, each in given.items()} if isinstance(given, dict) else {}


def _command(
    file: _File, at: tuple[str, ...], process: Mapping[Any, Any], numbers: Mapping[str, object]
) -> list[str]:
    if isinstance(words := process.get("entrypoint"), list) and words and _text(words[0]):
        return [_expanded(file, _text(word), numbers) for word in words]
    line = _template(file, _text(process.get("command") or ""), numbers)
    if _TEMPLATE.search(line):
        file.note((*at, "command"), f"{at[1]}: a {{{{ template }}}} that is not known here")
    return command_of(line.replace("$$", "$"), file.shell) if line.strip() else []


def _leave_out(file: _File, at: tuple[str, ...], process: Mapping[Any, Any], entry: Entry) -> None:
    for key, why in (
        ("disabled", "otpy starts all children of a tree"),
        ("is_daemon", "otpy does not supervise what goes into the background: run it in front"),
    ):
        if process.get(key) is True:
            entry.is_left_out, entry.remark = True, f"{key}: true"
            file.note((*at, key), f"{at[1]}: {key}: {why}; left out as a comment")


def _restart(
    file: _File, at: tuple[str, ...], process: Mapping[Any, Any]
) -> Iterator[tuple[str, object]]:
    given = _mapping(process.get("availability"))
    word = _word(process)
    if word not in _RESTARTS:
        file.note((*at, "availability", "restart"), f"{at[1]}: unknown restart {word!r}")
        word = "no"
    ends_all = given.get("exit_on_end") is True
    if ends_all:
        yield "restart", "temporary"
        yield "significant", True
        return
    if word != "always":
        yield "restart", _RESTARTS[word]
    if word == "exit_on_failure":
        yield "max_restarts", 0
    if word in {"no", "exit_on_failure"}:
        return
    limit = _number(file, (*at, "availability", "max_restarts"), given.get("max_restarts"), 0)
    yield "max_restarts", int(limit) or "infinity"
    if int(limit):
        yield "max_seconds", _FOR_EVER
        yield "on_give_up", "stay_down"
    wait = _number(file, (*at, "availability", "backoff_seconds"), given.get("backoff_seconds"), 1)
    wait = max(1.0, wait)
    yield (
        "backoff",
        {"initial": seconds(wait), "factor": 1, "max": seconds(wait), "jitter": 0},
    )


def _word(process: Mapping[Any, Any]) -> str:
    given = _mapping(process.get("availability")).get("restart")
    return "no" if given is None or given is False else str(given)


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _number(file: _File, at: tuple[str, ...], value: object, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1_000_000:
        return value
    file.note(at, f"{at[1]}: {at[-1]}: got {_text(value)}, expected a number; taken as {default:g}")
    return default


def _stop(
    file: _File, at: tuple[str, ...], process: Mapping[Any, Any]
) -> Iterator[tuple[str, object]]:
    given = _mapping(process.get("shutdown"))
    number = _number(file, (*at, "shutdown", "signal"), given.get("signal"), 15)
    if (name := stop_signal(f"{number:g}")) is None:
        text = f"{at[1]}: signal {number:g} stops no process; left out"
        file.note((*at, "shutdown", "signal"), text)
    if name == "KILL":
        yield "shutdown", "brutal_kill"
        return
    where = (*at, "shutdown", "timeout_seconds")
    yield "shutdown", seconds(_number(file, where, given.get("timeout_seconds"), 10))
    if name not in (None, "TERM"):
        yield "stop_signal", name
    if given.get("parent_only") not in (True, "yes"):
        yield "stop_group", True
    if given.get("command"):
        text = f"{at[1]}: shutdown.command: otpy stops by signals alone; the signal is sent"
        file.note((*at, "shutdown", "command"), text)


# ---- probes and logs -------------------------------------------------------------------------


def _probes(
    file: _File, at: tuple[str, ...], process: Mapping[Any, Any], numbers: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    def text(value: object) -> str:
        return _template(file, _text(value), numbers)

    if probe := _liveness(file, at, process, text):
        yield "health", probe
    ready, line = process.get("readiness_probe"), process.get("ready_log_line")
    key = "readiness_probe" if isinstance(ready, dict) else "ready_log_line"
    if not isinstance(ready, dict) and not (isinstance(line, str) and line):
        return
    if at[1] not in file.waited_for:
        why = "nothing waits for it, and all that stands below it would; left out"
        file.note((*at, key), f"{at[1]}: {key}: {why}")
    elif not isinstance(ready, dict):
        yield "ready", {"log": literal(_SPECIAL.sub(r"\\\g<0>", str(line)))}
    elif probe := _probe(file, (*at, key), ready, text):
        yield "ready", probe


def _liveness(
    file: _File,
    at: tuple[str, ...],
    process: Mapping[Any, Any],
    text: Callable[[object], str],
) -> dict[str, object] | None:
    place = (*at, "liveness_probe")
    given = process.get("liveness_probe")
    if not isinstance(given, dict) or (probe := _probe(file, place, given, text)) is None:
        return None
    failures = _number(file, place, given.get("failure_threshold"), 3)
    return {**probe, "failures": min(1000, max(1, int(failures)))}


def _probe(
    file: _File, at: tuple[str, ...], given: Mapping[Any, Any], text: Callable[[object], str]
) -> dict[str, object] | None:
    probe: dict[str, object]
    match given:
        case {"http_get": dict() as http}:
            if (url := _url(text, http)) is None:
                file.note(at, f"{at[1]}: {at[2]}: http_get is not understood; left out")
                return None
            status = http.get("status_code")
            if http.get("headers"):
                file.note(at, f"{at[1]}: {at[2]}: headers are not sent")
            if not url.startswith("http:"):
                probe = {"exec": ["curl", "-fsSk", "-o", "/dev/null", literal(url)]}
            else:
                probe = {"http": literal(url)}
                if isinstance(status, int) and 100 <= status < 600:
                    probe["status"] = status
        case {"exec": {"command": str(command)}} if command.strip():
            probe = {"exec": command_of(text(command), file.shell)}
        case _:
            file.note(at, f"{at[1]}: {at[2]}: is not understood; left out")
            return None
    times = (
        ("every", "period_seconds", 10),
        ("timeout", "timeout_seconds", 1),
        ("after", "initial_delay_seconds", 0),
    )
    for ours, key, default in times:
        number = _number(file, (*at, key), given.get(key), default)
        if ours == "after" and not number:
            continue
        probe[ours] = seconds(max(0.001, number))
    return probe


def _url(text: Callable[[object], str], http: Mapping[Any, Any]) -> str | None:
    host, scheme = text(http.get("host") or "127.0.0.1"), text(http.get("scheme") or "http").lower()
    if not _HOST.fullmatch(host) or scheme not in ("http", "https"):
        return None
    if port := text(http.get("port") or ""):
        if not (port.isdecimal() and port.isascii() and 0 < int(port) < 1 << 16):
            return None
        host = f"{host}:{port}"
    path = quote(text(http.get("path") or "/").lstrip("/"), safe="/?&=%:,;+@~.-_")
    return f"{scheme}://{host}/{path}"


def _log(
    file: _File, at: tuple[str, ...], process: Mapping[Any, Any], numbers: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    place = process.get("log_location")
    if not isinstance(place, str) or not place:
        return
    log: dict[str, object] = {"file": _expanded(file, place, numbers)}
    given = process.get("log_configuration")
    rotation = given.get("rotation") if isinstance(given, dict) else None
    if isinstance(rotation, dict):
        if size := _number(file, (*at, "log_configuration"), rotation.get("max_size_mb"), 0):
            log["max_size"] = f"{int(size) or 1}MiB"
        if kept := _number(file, (*at, "log_configuration"), rotation.get("max_backups"), 0):
            log["keep"] = min(1000, int(kept))
    yield "log", log
