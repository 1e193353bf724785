"""Replaying a scenario of tests/data/otp-traces/FORMAT.md on real processes.

What a step does is waited for with OTP's answer in hand: until our entry equals it, or the
deadline has passed. What comes too late or too often shows in the entry of the next step.
"""

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import otpy
from otpy.events import ChildEnded, ChildrenDeclared, ChildStartFailed, ChildStarting, NodeStarted
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

Json: TypeAlias = Any
Record: TypeAlias = Mapping[str, Json]

OK: Final = "ok"
NOT_RUNNING: Final = ["error", "not_running"]
NO_PROCESS: Final = ["error", "noproc"]


def replay(nodes: Nodes, recorded: Record) -> tuple[Sequence[Record], Sequence[Record]]:
    """Run a scenario; tell OTP's trace and ours, without what is different on purpose."""
    scenario = recorded["scenario"]
    steps = _comparable(scenario["steps"])
    theirs = [_without_orphans(entry) for entry in recorded["trace"][: len(steps) + 1]]
    replayed = _Replay(nodes, scenario["tree"], recorded["trace"])
    ours = [replayed.boot()]
    for number, step in enumerate(steps, start=1):
        if ours[-1] != theirs[number - 1]:
            break
        ours.append(replayed.step(number, step))
    replayed.end()
    return theirs[: len(ours)], ours


def _comparable(steps: Sequence[Record]) -> Sequence[Record]:
    """Leave out a killed root and what follows: here the node restarts it."""
    for number, step in enumerate(steps):
        if step["op"] == "kill_supervisor" and step["sup"] == "root":
            return steps[:number]
    return steps


def _without_orphans(entry: Record) -> Record:
    return {key: value for key, value in entry.items() if key != "orphans"}


class _Replay:
    """One scenario under way."""

    def __init__(self, nodes: Nodes, tree: Record, trace: Sequence[Record]) -> None:
        self._work = str(nodes.work)
        self._trace = trace
        self._orphans: list[Json] = []
        self._logged = 0
        fields = {"name": "replay", **_supervisor_fields(tree, self._work)}
        self._node: NodeUnderTest = nodes.start(nodes.write(json.dumps(fields)))

    def boot(self) -> Record:
        self._node.until(
            lambda: self._node.seen(NodeStarted) or self._root() != "running",
            "the end of the boot",
            outlives=True,
        )
        return self._entry(0, self._boot_result)

    def step(self, number: int, step: Record) -> Record:
        self._orphans += self._trace[number].get("orphans", [])
        result = self._do(step)
        return self._entry(number, lambda: result)

    def end(self) -> None:
        """Stop what runs."""
        if self._node.process.poll() is None:
            self._node.stop()

    # ---- what is seen ------------------------------------------------------------------------

    def _entry(self, number: int, result: Callable[[], Json]) -> Record:
        expected = _without_orphans(self._trace[number])
        entry: Record = {}

        def look() -> bool:
            nonlocal entry
            entry = {
                "step": number,
                "result": result(),
                "log": self._log()[self._logged :],
                "alive": self._alive(),
                "root": self._root(),
            }
            return entry == expected

        try:
            self._node.until(look, f"{expected}", outlives=self._root() != "running")
        except AssertionError:
            return entry
        if self._root() != "running":
            self._node.wait()
        else:
            self._let_everybody_answer()
            look()
        self._logged += len(expected["log"])
        return entry

    def _let_everybody_answer(self) -> None:
        """Ask each supervisor something: it answers when it has done what it had to do."""
        for row in list(self._node.client.tree(timeout=DEADLINE_S)):
            if row.kind == "supervisor" and row.state != "stopped":
                self._node.client.supervisor(row.path).which_children(timeout=DEADLINE_S)

    def _boot_result(self) -> Json:
        failed = self._node.seen(ChildStartFailed, path="")
        return ["error", _why(failed[0].reason)] if failed else OK

    def _root(self) -> str:
        if self._node.seen(ChildStartFailed, path=""):
            return "exited: failed_to_start_child"
        ended = self._node.seen(ChildEnded, path="")
        return f"exited: {ended[0].reason}" if ended else "running"

    def _alive(self) -> dict[str, int]:
        paths = [path for path in self._node.pids() if path[:1] not in ("", "@")]
        numbers = self._node.incarnations()
        return {_id(path): numbers[path] for path in paths}

    def _log(self) -> list[list[Json]]:
        """Put the supervisors' and the workers' reports in the order of their time."""
        timed = [(entry[0], entry[1:]) for entry in self._node.log()]
        counts: Counter[str] = Counter()
        for event in self._node.seen(ChildrenDeclared):
            if event.path not in ("", "@node"):
                counts[event.path] += 1
                timed.append((event.at, ["sup_init", _id(event.path), counts[event.path]]))
        log = [entry for _, entry in sorted(timed, key=lambda pair: pair[0])]
        return [entry for entry in log if entry[0] != "terminate" or entry[1:] not in self._orphans]

    # ---- what is done ------------------------------------------------------------------------

    def _do(self, step: Record) -> Json:
        match step["op"]:
            case "kill":
                return self._signal(step["child"])
            case "kill_supervisor":
                return self._signal(step["sup"])
            case "crash" | "exit":
                return self._tell(step["child"], step.get("reason", "crash"))
            case "shutdown":
                self._node.send(signal.SIGTERM)
                return OK
            case _:
                return self._ask(step)

    def _path(self, id_: str) -> str:
        """Return the path of a process that was seen; an id is used in one place only."""
        if id_ == "root":
            return ""
        paths = [e.path for e in self._node.seen(ChildStarting) if _id(e.path) == id_]
        return paths[-1] if paths else id_

    def _signal(self, id_: str) -> Json:
        pid = self._node.pids().get(self._path(id_))
        if pid is None:
            return NOT_RUNNING
        os.kill(pid, signal.SIGKILL)
        return OK

    def _tell(self, id_: str, word: str) -> Json:
        path = self._path(id_)
        if path not in self._node.pids():
            return NOT_RUNNING
        self._node.client[path].cast(word, timeout=DEADLINE_S)
        return OK

    def _ask(self, step: Record) -> Json:
        path = self._path(step["sup"])
        if path not in self._node.pids():
            return NO_PROCESS
        try:
            return self._answer(self._node.client.supervisor(path), step)
        except otpy.SupervisorError as error:
            return ["error", error.reason]
        except otpy.StartFailed as error:
            return ["error", _why(error.reason)]

    def _answer(self, supervisor: otpy.SupervisorRef, step: Record) -> Json:
        match step["op"]:
            case "start_child":
                return _started(supervisor.start_child(_child_fields(step["spec"], self._work)))
            case "restart_child":
                return _started(supervisor.restart_child(step["child"]))
            case "terminate_child":
                supervisor.terminate_child(step["child"])
                return OK
            case "delete_child":
                supervisor.delete_child(step["child"])
                return OK
            case "which_children":
                rows = supervisor.which_children(timeout=DEADLINE_S)
                return [[row.id, row.state, row.kind] for row in rows]
            case "count_children":
                counts = supervisor.count_children(timeout=DEADLINE_S)
                names = ("specs", "active", "supervisors", "workers")
                return {name: getattr(counts, name) for name in names}
        raise ValueError(step["op"])


def _started(info: otpy.ChildInfo) -> Json:
    return ["ok", "child" if info.state == "running" else "undefined"]


def _why(reason: str) -> Json:
    found = re.fullmatch(r"failed to start child '(.*?)': (.*)", reason)
    return ["failed_to_start_child", found[1], _why(found[2])] if found else reason


def _id(path: str) -> str:
    return path.rpartition("/")[2]


# ---- specs -------------------------------------------------------------------------------------


def _supervisor_fields(record: Record, work: str) -> dict[str, Json]:
    same = ("strategy", "max_restarts", "max_seconds", "auto_shutdown")
    children = [_child_fields(child, work) for child in record["children"]]
    return {**{name: record[name] for name in same}, "children": children}


def _child_fields(record: Record, work: str) -> dict[str, Json]:
    fields: dict[str, Json] = {name: record[name] for name in ("id", "restart", "significant")}
    if "children" in record:
        return {**fields, **_supervisor_fields(record, work)}
    shutdown = record["shutdown"]
    return {
        **fields,
        "start": f"tests.support.workers:{'Scripted' if record['traps'] else 'ScriptedUntrapped'}",
        "args": [f"{work}/log", record["id"], record["init"], record.get("hangs", False)],
        "shutdown": shutdown if isinstance(shutdown, str) else f"{shutdown}ms",
    }
