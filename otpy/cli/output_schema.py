"""The JSON Schema of what each command prints with ``--json``.

A command has one entry: `_one` for the result of one thing, `_each` for the object of each of
several names, `_lines` for what it prints one a line. What an entry says of fields is checked
against what the commands print: `tests/cli/test_output_schema.py`.
"""

from typing import Any, Final, TypeAlias

import msgspec

from otpy.cli.boot_view import Boot
from otpy.cli.event_schema import attributes_of, event_schema
from otpy.cli.processes import Process
from otpy.cli.statistics_view import Load
from otpy.wire.ends import End
from otpy.wire.sys_messages import SysRequest

Schema: TypeAlias = dict[str, Any]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_STRUCTS: Final = (Process, Boot, Load, End)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _object(description: str = "", optional: tuple[str, ...] = (), /, **fields: Schema) -> Schema:
    """Return the schema of an object with these fields, others allowed."""
    said = {"description": description} if description else {}
    required = [name for name in fields if name not in optional]
    return {"type": "object", **said, "properties": fields, "required": required}


def _text(description: str, *values: str) -> Schema:
    return {
        "type": "string",
        "description": description,
        **({"enum": list(values)} if values else {}),
    }


def _number(description: str) -> Schema:
    return {"type": "number", "description": description}


def _whole(description: str) -> Schema:
    return {"type": "integer", "description": description}


def _list(items: Schema, description: str = "") -> Schema:
    return {
        "type": "array",
        "items": items,
        **({"description": description} if description else {}),
    }


def _any(description: str) -> Schema:
    return {"description": description}


_TRUE: Final[Schema] = {"const": True}
_FALSE: Final[Schema] = {"const": False}
_FAILURE: Final = _object(
    "What is printed when the exit status is not 0; with what was found or done all the same.",
    ("result",),
    ok=_FALSE,
    error=_ref("error"),
    result=_any("As of a success."),
)
_ERROR: Final = _object(
    "What went wrong.",
    ("mistakes",),
    kind=_text(
        "The name of an exception of otpy.errors; or usage (the command line is wrong), file (a"
        " file is), interrupted (by Ctrl-C), os (an error of the operating system), bug (of otpy),"
        " not_running, failed, changes (of `otpy plan --exit-code`)."
    ),
    message=_text("For people, on one line."),
    hint={"type": ["string", "null"], "description": "What to do about it."},
    mistakes=_list(
        _object(
            file={"type": ["string", "null"]},
            line={"type": ["integer", "null"]},
            column={"type": ["integer", "null"]},
            message=_text("What is wrong there."),
        ),
        "Of a tree's file: each of them, with its place.",
    ),
)


def _one(result: Schema) -> Schema:
    return {"anyOf": [_object(ok=_TRUE, result=result), _ref("failure")]}


def _each(optional: tuple[str, ...] = (), /, **fields: Schema) -> Schema:
    """Return the schema of a command of several names, by what it says of each."""
    name = _text("As it is shown, or as it was said if it is unknown.")
    done = _object(
        "",
        ("path", "error", *optional),
        name=name,
        ok={"type": "boolean", "description": "False if the state itself is a failure."},
        path=_text('Ids from the root, joined by "/"; "" is the root supervisor.'),
        error=_ref("error"),
        **fields,
    )
    failed = _object(name=name, ok=_FALSE, error=_ref("error"))
    items = _list({"anyOf": [done, failed]}, "An object for each name, in their order.")
    return {
        "anyOf": [
            _object(ok=_TRUE, result=items),
            _object("", ("result",), ok=_FALSE, error=_ref("error"), result=items),
        ]
    }


def _lines(record: Schema) -> Schema:
    return {"description": "One a line.", "anyOf": [record, _ref("failure")]}


_STATE: Final = _text("As of a process: running, stopped, ...")
_PID: Final = _whole("Of its process.")


def _did(*values: str) -> Schema:
    return _text("What was done; nothing if it was so already.", *values, "nothing")


def _any_of(*results: Schema) -> Schema:
    return {"anyOf": list(results)}


_STATE_FILE: Final = _object(
    name=_text("Of the server."),
    file=_text("Its path."),
    bytes=_whole("Its size."),
    in_use={"type": "boolean", "description": "Whether a process has it open."},
    version={"anyOf": [_whole("Of the class that wrote it."), {"type": "null"}]},
    problem=_text("What is wrong with it; empty if nothing is."),
)
_STATE_CONTENTS: Final = _object(
    name=_text("Of the server."),
    version={"anyOf": [_whole("Of the class that wrote it."), {"type": "null"}]},
    attributes=_any("The attributes of the instance."),
    tables=_any("How many rows each table has."),
    timers=_whole("How many durable timers have not fired."),
)

_WRITTEN: Final = _object(file=_text("Its path."), did=_did("wrote"))

_LOG_LINE: Final = _object(
    "A record of a log; the fields of `extra` stand beside the others. A line of a file that is no"
    " record has its text alone.",
    ("time", "path", "incarnation", "stream", "level", "logger", "split"),
    time=_text("UTC, as 2026-01-31T14:30:00.123Z."),
    path=_text("Of the process."),
    incarnation=_whole("Of the process, counted from 1 on."),
    stream=_text("Where it was written.", "out", "err", "log"),
    level=_text("Of a record of logging: INFO, ..."),
    logger=_text("Of a record of logging."),
    text=_text("What was written."),
    split={"type": "boolean", "description": "It goes on in the next record of that stream."},
)

_WHY: Final = {
    "node": _text("The name of its node."),
    "state": _text("What it is now, or removed, or node down."),
    "note": _text("What is to be said of that; empty for nothing."),
    "pid": {"type": ["integer", "null"]},
    "incarnation": {"type": ["integer", "null"]},
    "started_at": {"type": ["number", "null"], "description": "Unix time in seconds."},
    "ends": _list(_ref("End"), "The newest first."),
    "chain": _list(_ref("End"), "What explains the newest: the end of a child, and so on."),
}

_KINDS: Final = ("add", "remove", "recreate", "restart", "move", "live")
_CHANGE: Final = _object(
    "What would be done with one child.",
    ("after",),
    path=_text('Ids from the root, joined by "/"; "" is the root supervisor.'),
    change=_text("What would be done.", *_KINDS),
    after=_text("The sibling behind which it would stand, empty for none, if its place changes."),
    fields=_list(
        _object(
            "A key that would have another value.",
            ("old", "new"),
            name=_text("As in the file; env.PORT for a variable."),
            old=_any("Missing if the key is; *** for a variable."),
            new=_any("Likewise."),
            effect=_text("What that alone does.", "live", "restart", "recreate"),
        )
    ),
)

_PLAN: Final = _object(
    changes=_list(_CHANGE, "In the order in which it would be done, or was."),
    summary=_object(
        "How many children would be so.",
        **{kind: _whole("") for kind in (*_KINDS, "unchanged")},
    ),
    by_hand=_list(_text(""), "Paths of children in no file, which are left alone."),
)

COMMANDS: Final[dict[str, Schema]] = {
    "init": _one(_list(_WRITTEN)),
    "import": _one(
        _object(
            "",
            ("tree", "file", "did"),
            tree=_text("The text of the tree, if it is not written to a file."),
            file=_text("Where it was written."),
            did=_did("wrote"),
            notes=_list(_text("What could not be carried: file:line: what.")),
        )
    ),
    "run": _one(
        _object(
            "Of --detach; without it there is none: the node goes on until it is stopped.",
            node=_text("Its name."),
            did=_did("started"),
            pid=_whole("Of the node."),
            guardian={"type": ["integer", "null"], "description": "Pid of the one of --heart."},
        )
    ),
    "export": _one(
        _object(
            "",
            ("unit", "file"),
            unit=_text("The text of the unit, if it is not written to a file."),
            file=_text("Where it was written."),
            did=_did("wrote"),
        )
    ),
    "check": _one(
        _object(
            file=_text("Of the tree."), supervisors=_whole("So many."), workers=_whole("So many.")
        )
    ),
    "plan": _one(_PLAN),
    "reload": _one(_PLAN),
    "schema": _one({"type": "object", "description": "A JSON Schema."}),
    "demo": _lines(_object(line=_text("What it shows."))),
    "tree": _one(_list(_ref("Process"), "The node first, then its processes, depth first.")),
    "status": {
        "anyOf": [
            _each(
                ("messages", "calls", "casts", "infos", "busy", "queue", "suspended"),
                state=_STATE,
                pid={"type": ["integer", "null"]},
                messages=_whole("Of a worker: how many it took out of its mailbox."),
                calls=_whole("So many of them were calls."),
                casts=_whole("So many were casts."),
                infos=_whole("So many were neither."),
                busy={
                    "type": ["number", "null"],
                    "description": "For so many seconds it has been at work on one message.",
                },
                queue=_whole("Messages that it has read and not yet taken."),
                suspended={"type": "boolean"},
            ),
            _one(_list(_ref("Process"), "Of all processes, without a name.")),
            _one(_ref("Boot")),
        ]
    },
    "top": {
        "anyOf": [
            _lines(_object(at=_number("Unix time."), processes=_list(_ref("Load")))),
            _one(_object(at=_number("Unix time."), processes=_list(_ref("Load")))),
        ]
    },
    "pid": _each(pid=_PID),
    "events": _lines(_ref("Event")),
    "why": _each(**_WHY),
    "logs": _lines(_LOG_LINE),
    "call": _one(_any("The reply.")),
    "cast": _one(
        _object(name=_text("Of the server."), path=_text("Its path."), did=_text("", "sent"))
    ),
    "state": _each(state=_any("The attributes of the instance.")),
    "replace-state": _one(_object(name=_text("Of the server."), state=_any("Its state then."))),
    "suspend": _each(did=_did("suspended")),
    "resume": _each(did=_did("resumed")),
    "trace": _lines(
        _object(
            path=_text("Of the process."),
            at=_number("Unix time in seconds."),
            kind=_text("What it is.", "call", "cast", "info", "reply", "error"),
            call=_text("The same for a call and its answer."),
            text=_text("The message, shortened."),
            dropped=_whole("So many events are missing before this one."),
        )
    ),
    "stack": _each(stack=_list({"type": "string"}, "The lines of it.")),
    "start": _each(("pid", "state"), did=_did("started", "ignored"), state=_STATE, pid=_PID),
    "restart": _each(
        ("pid", "state"),
        did=_did("started", "restarted", "ignored"),
        state=_STATE,
        pid=_PID,
    ),
    "stop": _each(("state",), did=_did("stopped"), state=_STATE),
    "terminate": _each(("state",), did=_did("stopped"), state=_STATE),
    "kill": _each(did=_text("", "sent"), signal=_text("The signal, as SIGKILL."), pid=_PID),
    "scale": _each(did=_did("scaled", "nothing"), instances=_whole("So many it has now.")),
    "delete": _each(did=_did("deleted")),
    "durable": _any_of(
        _one(_list(_STATE_FILE, "Of `list`: each state.")),
        _one(_STATE_CONTENTS),
        _one(
            _object(
                name=_text("Of the server."),
                file=_text("The copy."),
                bytes=_whole("Its size."),
                did=_did("wrote"),
            )
        ),
        _one(_object(name=_text("Of the server."), file=_text(""), did=_did("replaced"))),
        _each(did=_did("removed")),
    ),
    "wait": _one(
        _list({"anyOf": [_ref("Process"), {"type": "null"}]}, "Null for one that is not there.")
    ),
    "shutdown": _one(_object(node=_text("Its name."), did=_did("stopped"))),
    "completion": _one(_text("The script.")),
}
"""By the name of each command."""


def commands() -> dict[str, Schema]:
    """Return the schemas by command, with those of requests that need no module."""
    named = {
        kind.operation.replace("_", "-"): _each(**{kind.operation: _any("The answer.")})
        for kind in SysRequest.kinds.values()
        if kind.command
    }
    return {**COMMANDS, **named}


def output_schema() -> Schema:
    """Return the JSON Schema of an object or a line of any command; of each in ``$defs``."""
    events = event_schema()
    _, structs = msgspec.json.schema_components(_STRUCTS, ref_template="#/$defs/{name}")
    for kind in _STRUCTS:
        for field, meaning in attributes_of(kind).items():
            structs[kind.__name__]["properties"][field]["description"] = meaning
    names = commands()
    event = {key: events[key] for key in ("anyOf", "discriminator") if key in events}
    return {
        "$schema": _DRAFT,
        "title": "Output of otpy commands",
        "description": (
            "What `otpy COMMAND --json` prints, as $defs has it by command: one object, with ok"
            " true if and only if the exit status is 0; or, where it says so, one a line, and the"
            " object of a failure as the last of them."
        ),
        "anyOf": [_ref(name) for name in names],
        "$defs": {
            **events["$defs"],
            **structs,
            "Event": event,
            "error": _ERROR,
            "failure": _FAILURE,
            **names,
        },
    }
