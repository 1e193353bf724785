"""How a process ended, as text and as JSON."""

import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import click
import msgspec

from otpy.cli.render import Column, duration, elapsed, record, size, table
from otpy.wire.ends import End, Then
from otpy.wire.log_lines import local_time
from otpy.wire.paths import NODE
from otpy.wire.safe_text import escaped

COLUMNS: Final = (
    Column("ENDED"),
    Column("INCARNATION", right=True),
    Column("UPTIME", right=True),
    Column("PEAK", right=True),
    Column("REASON"),
    Column("THEN"),
)

_NO_NOTICE: Final = "it left no sign of an orderly end: SIGKILL, or the machine went down"


class Subject(NamedTuple):
    """A process, what it is now, and how it ended before.

    Attributes:
        name: As it is shown.
        path: Its path.
        node: The name of its node.
        state: What it is now: as in the tree, or ``removed``, or ``node down``.
        note: What is to be said of that in words; empty for nothing.
        pid: Of the present incarnation, if there is one.
        incarnation: Its number.
        started_at: When that was started, as Unix time.
        ends: Oldest first.
        chain: What explains the last of them: the end of a child, and so on.
    """

    name: str
    path: str
    node: str
    state: str
    note: str
    pid: int | None
    incarnation: int | None
    started_at: float | None
    ends: list[End]
    chain: list[End]


def data_of(subject: Subject) -> dict[str, object]:
    """Return what ``--json`` prints."""
    return {
        **subject._asdict(),
        "ends": [_data(end) for end in reversed(subject.ends)],
        "chain": [_data(end) for end in subject.chain],
    }


def _data(end: End) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.structs.asdict(end)
    for name in ("cause", "then"):
        if fields[name] is not None:
            fields[name] = msgspec.structs.asdict(fields[name])
    return fields


def text_of(subject: Subject) -> str:
    """Lay out the newest end, then a line for each."""
    if not subject.ends:
        is_first = subject.incarnation == 1 and not subject.note
        never = "it has never ended" if is_first else "no end of it is kept"
        return f"{escaped(subject.name)}: {_now(subject)}; {never}"
    last = subject.ends[-1]
    blocks = [record({"name": subject.name, "now": _now(subject), **_facts(last, subject)})]
    blocks += [_block(title, text) for title, text in _texts(last) if text]
    if len(subject.ends) > 1:
        rows = [_row(end) for end in reversed(subject.ends)]
        blocks.append(table(COLUMNS, rows))
    return "\n\n".join(blocks)


def _now(subject: Subject) -> str:
    if subject.state in ("removed", "node down"):
        return subject.note
    note = f"; {subject.note}" if subject.note else ""
    if subject.pid is None:
        return f"{subject.state}{note}"
    since = "" if subject.started_at is None else f" since {local_time(subject.started_at)}"
    number = "" if subject.incarnation is None else f", incarnation {subject.incarnation}"
    return f"{subject.state}{since}, pid {subject.pid}{number}{note}"


def _facts(end: End, subject: Subject) -> dict[str, str]:
    facts = {
        "ended": f"{local_time(end.at)}, {duration(time.time() - end.at)} ago",
        "reason": end.reason,
        "how": _how(end),
        "waited for": end.waited_for,
        "uptime": elapsed(end.uptime) if end.uptime else "",
        "incarnation": f"{end.incarnation}, pid {end.pid}" if end.incarnation else "",
        "messages": str(end.messages) if end.kind == "worker" and end.was_up else "",
        "peak RSS": size(end.peak_memory) if end.peak_memory else "",
        "because": "; ".join(_because(end, subject)),
        "then": then_text(end) + _count(end.then),
    }
    return {name: text for name, text in facts.items() if text}


def _how(end: End) -> str:
    """Write how the process ended, in words."""
    parts = [
        f"signal {end.signal}" if end.signal else "",
        f"exit status {end.status}" if end.status is not None else "",
        "core dumped" if end.core_dumped else "",
        "out of memory" if end.oom else "",
        "" if end.was_up else "it was not up yet",
        "its supervisor had asked it to" if end.asked and end.path != NODE else "",
        "its shutdown budget was over" if end.overdue else "",
    ]
    return ", ".join(part for part in parts if part)


def _because(end: End, subject: Subject) -> Iterator[str]:
    if end.kind == "node" and end.reason == "killed":
        yield _NO_NOTICE
    if end.with_supervisor is not None:
        yield f"its supervisor {end.with_supervisor or 'root'} ended; `otpy why` that"
    if end.cause is not None:
        yield _cause(end)
        for below in subject.chain:
            if below.cause is not None:
                yield f"{below.path or 'root'} ended, since {_cause(below)}"


def _cause(end: End) -> str:
    assert end.cause is not None
    cause, child = end.cause, end.cause.child or "root"
    if cause.did == "shut down":
        return f"its significant child {child} had ended; see `otpy why {child}`"
    limit = "" if cause.max_restarts is None else f", {cause.max_restarts} allowed"
    return (
        f"it gave up: restart {cause.restarts} of {child} within {cause.max_seconds:g} s{limit}, "
        f"the last after {cause.reason}; see `otpy why {child}`"
    )


_DID: Final = {
    "restarting": "restarting",
    "failed": "failed, and stayed down",
    "gave up": "its supervisor gave up",
    "shut down": "its supervisor shut down with it",
    "stopped": "stopped on request",
    "removed": "not restarted, and removed",
}


def then_text(end: End) -> str:
    """Write what was done about an end."""
    then = end.then
    if then is None:
        return _nothing(end)
    if then.failed:
        return f"incarnation {then.incarnation} failed to start"
    if then.after is not None:
        next_one = f"incarnation {then.incarnation}, pid {then.pid}"
        if then.did == "restarted":
            return f"restarted after {elapsed(then.after)}: {next_one}"
        return f"{_DID.get(then.did, then.did)}; after {elapsed(then.after)}: {next_one}"
    if then.retry_at is not None:
        other = f" with {then.waits_for}" if then.waits_for else ""
        return f"backing off{other} until {local_time(then.retry_at)}"
    return _DID.get(then.did, then.did)


def _nothing(end: End) -> str:
    if end.path == NODE:
        return ""
    if end.asked:
        return "stopped"
    return "not restarted: it ended cleanly" if end.clean else "not restarted"


def _count(then: Then | None) -> str:
    if then is None or not then.restarts:
        return ""
    of = "" if then.max_restarts is None else f" of {then.max_restarts}"
    return f" (restart {then.restarts}{of} in {then.max_seconds:g} s)"


def _texts(end: End) -> Iterator[tuple[str, str]]:
    yield "traceback", end.traceback
    yield "message in hand", end.message
    yield "stacks", end.stacks
    # A worker's traceback is what it printed last: it is shown once.
    yield "last output", end.output.rstrip().removesuffix(end.traceback.rstrip())


def _block(title: str, text: str) -> str:
    lines = escaped(text.rstrip("\n")).split("\n")
    return "\n".join([click.style(title, bold=True), *(f"  {line}" for line in lines)])


def _row(end: End) -> tuple[str, ...]:
    return (
        local_time(end.at),
        str(end.incarnation) if end.incarnation else "-",
        elapsed(end.uptime) if end.uptime else "-",
        size(end.peak_memory) if end.peak_memory else "-",
        end.reason,
        then_text(end),
    )
