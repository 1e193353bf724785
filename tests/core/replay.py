"""Replaying a scenario of tests/data/otp-traces/FORMAT.md on the simulated world."""

import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, TypeAlias

from otpy.core.exits import (
    ExitReason,
    FailedToStartChild,
    Normal,
    Raised,
    Shutdown,
    Stopped,
)
from otpy.core.messages import (
    Answer,
    ChildCounts,
    Children,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    NotStarted,
    Request,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from otpy.core.spec import (
    AutoShutdown,
    ChildSpec,
    NoBudget,
    Restart,
    RestartIntensity,
    ServerStart,
    ShutdownBudget,
    Strategy,
    SupervisorSpec,
)
from tests.support.simulation import ROOT, Script, World

Json: TypeAlias = Any
Record: TypeAlias = Mapping[str, Json]

OK: Final = "ok"
NOT_RUNNING: Final = ["error", "not_running"]
NO_PROCESS: Final = ["error", "noproc"]

EXITS: Final[Mapping[str, ExitReason]] = {
    "normal": Normal(),
    "shutdown": Shutdown(),
    "shutdown_tuple": Shutdown("done"),
    "other": Stopped("other"),
    "crash": Raised("RuntimeError: crash"),
}


def scenarios(path: Path) -> Iterator[Record]:
    """Read a file of scenarios and their traces."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def replay(scenario: Record) -> list[Record]:
    """Run a scenario and return its trace."""
    world = World(supervisor_spec(scenario["tree"]))
    trace = [_entry(world, 0, {"result": _boot_result(world)})]
    for number, step in enumerate(scenario["steps"], start=1):
        world.log = []
        trace.append(_entry(world, number, _do(world, step)))
    return trace


def difference(recorded: Record) -> tuple[Record, Record] | None:
    """Find the first entry that is not OTP's: OTP's and ours, or None if all are equal."""
    nothing: Record = {}
    pairs = zip_longest(recorded["trace"], replay(recorded["scenario"]), fillvalue=nothing)
    return next(((theirs, ours) for theirs, ours in pairs if theirs != ours), None)


def _entry(world: World, number: int, outcome: Record) -> Record:
    return {
        "step": number,
        **outcome,
        "log": world.log,
        "alive": world.alive(),
        "root": "running" if world.end is None else f"exited: {_word(world.end)}",
    }


def _boot_result(world: World) -> Json:
    return OK if world.end is None else ["error", _why(world.end)]


# ---- specs -------------------------------------------------------------------------------------


def supervisor_spec(record: Record) -> SupervisorSpec:
    return SupervisorSpec(
        Strategy(record["strategy"]),
        RestartIntensity(record["max_restarts"], record["max_seconds"]),
        AutoShutdown(record["auto_shutdown"]),
        tuple(child_spec(child) for child in record["children"]),
    )


def child_spec(record: Record) -> ChildSpec:
    start: ServerStart | SupervisorSpec
    if "children" in record:
        start = supervisor_spec(record)
    else:
        script = Script(tuple(record["init"]), record["traps"], record.get("hangs", False))
        start = ServerStart("scripted", args=(script,))
    return ChildSpec(
        record["id"],
        start,
        Restart(record["restart"]),
        _budget(record["shutdown"]),
        record["significant"],
    )


def _budget(shutdown: int | str) -> ShutdownBudget:
    return NoBudget(shutdown) if isinstance(shutdown, str) else shutdown / 1000


# ---- steps -------------------------------------------------------------------------------------


def _do(world: World, step: Record) -> Record:
    match step["op"]:
        case "kill" | "crash" | "exit":
            return {"result": _end_worker(world, step)}
        case "kill_supervisor":
            return _kill_supervisor(world, step["sup"])
        case "shutdown":
            root = world.supervisor(ROOT)
            assert root is not None
            world.stop(root)
            return {"result": OK}
        case _:
            return {"result": _ask(world, step)}


def _end_worker(world: World, step: Record) -> Json:
    worker = world.worker(step["child"])
    if worker is None:
        return NOT_RUNNING
    if step["op"] == "kill":
        world.kill(worker)
    else:
        word = step.get("reason", "crash")
        world.end_worker(worker, word, EXITS[word])
    return OK


def _kill_supervisor(world: World, id_: str) -> Record:
    supervisor = world.supervisor(id_)
    if supervisor is None:
        return {"result": NOT_RUNNING}
    return {"orphans": world.kill(supervisor), "result": OK}


def _ask(world: World, step: Record) -> Json:
    supervisor = world.supervisor(step["sup"])
    if supervisor is None:
        return NO_PROCESS
    return _result(world.ask(supervisor, _request(step)), step["op"])


def _request(step: Record) -> Request:
    match step["op"]:
        case "start_child":
            return StartChild(child_spec(step["spec"]))
        case "restart_child":
            return RestartChild(step["child"])
        case "terminate_child":
            return TerminateChild(step["child"])
        case "delete_child":
            return DeleteChild(step["child"])
        case "which_children":
            return WhichChildren()
        case "count_children":
            return CountChildren()
    raise ValueError(step["op"])


# ---- results -----------------------------------------------------------------------------------


def _result(answer: Answer, op: str) -> Json:
    match answer:
        case Done(incarnation=incarnation) if op in {"start_child", "restart_child"}:
            return ["ok", "undefined" if incarnation is None else "child"]
        case Done():
            return OK
        case Denied(reason=reason):
            return ["error", reason]
        case NotStarted(reason=reason):
            return ["error", _why(reason)]
        case Children(rows=rows):
            return [[row.id, row.state, row.kind] for row in rows]
        case ChildCounts(specs, active, supervisors, workers):
            return {
                "specs": specs,
                "active": active,
                "supervisors": supervisors,
                "workers": workers,
            }
    raise ValueError(answer)


def _why(reason: ExitReason) -> Json:
    match reason:
        case FailedToStartChild(child=child, reason=inner):
            return ["failed_to_start_child", child, _why(inner)]
        case _:
            return str(reason)


def _word(end: ExitReason) -> str:
    return "failed_to_start_child" if isinstance(end, FailedToStartChild) else str(end)
