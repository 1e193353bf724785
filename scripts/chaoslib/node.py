"""The node under chaos: started, started again when it is killed, read by its journal."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from scripts.chaoslib.processes import Process, below, reap_adopted
from scripts.chaoslib.tally import Tally
from scripts.chaoslib.tree import static, tree

ROOT: Final = Path(__file__).parents[2]
WAIT_S: Final = 120.0
_LOOK_S: Final = 0.02


def environment(place: Path) -> dict[str, str]:
    """Return the variables of processes that use this checkout, and the nodes in `place`."""
    return {**os.environ, "OTPY_DIR": str(place), "PYTHONPATH": str(ROOT)}


class Node:
    """A node in a process of its own.

    Args:
        name: Of the node.
        work: A folder for its files.
        tally: Where what must not happen is noted.
        many: So many workers it has more, below one supervisor.

    Attributes:
        static: Titles of the processes that it has once it is up.
        place: The folder of all nodes, $OTPY_DIR.
        others: Pids of processes of the script's that are none of the node's.
        killed: Pids of those that were killed.
    """

    def __init__(self, name: str, work: Path, tally: Tally, many: int = 0) -> None:
        self.name, self._work, self._tally = name, work, tally
        self.place = work / "run"
        self.place.mkdir(mode=0o700)
        self.static = static(many)
        self.others: set[int] = set()
        self.killed: set[int] = set()
        self._booted = 0
        self._file = work / "tree.yaml"
        self._file.write_text(tree(name, many))
        self._journal = Journal(self.place / name / "events.jsonl")
        self.start()

    @property
    def pid(self) -> int:
        """The pid of the present node."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the node prints."""
        return self._work / "out"

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "otpy", "run", str(self._file)]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment(self.place),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def start_again(self, *, waits: bool) -> None:
        """Start it again after it was killed.

        Args:
            waits: Nothing of it may be left before: its supervisors live, and have to stop all.
        """
        self._process.wait()
        if waits and not self.gone():
            self._tally.violate("orphan", f"{self._left()} after the node was killed")
        self.start()

    def gone(self) -> bool:
        """Wait until no process of it is left; False if some stay."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            reap_adopted(self.pid)
            if not self._left():
                return True
            time.sleep(_LOOK_S)
        return False

    def processes(self) -> list[Process]:
        """Return the processes of the node, itself and orphans included."""
        return [each for each in below(os.getpid()).values() if each.pid not in self.others]

    def _left(self) -> list[str]:
        return [process.title for process in self.processes()]

    @property
    def booted(self) -> bool:
        """Whether its whole tree came up: a child that is killed before is a failed start."""
        return self._booted == self.pid

    def ended(self) -> int | None:
        """Return its exit status if it has ended, which nobody asked it to."""
        return self._process.poll()

    def stop(self) -> None:
        """Stop it in order."""
        self._process.terminate()
        try:
            status = self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._tally.violate("stop", f"the node has not stopped within {WAIT_S:g} s")
            self._process.kill()
            self._process.wait()
        else:
            if status:
                self._tally.violate("stop", f"the node ended with status {status}")
        if not self.gone():
            self._tally.violate("orphan", f"{self._left()} after the node has stopped")

    def judge(self) -> None:
        """Note what the events since the last time tell."""
        for event in self._journal.events():
            match event:
                case {"event": "NodeStarted", "pid": pid}:
                    self._booted = pid
                case {"event": "ChildEnded", "kind": "supervisor", "reason": reason, **rest}:
                    self._judge_end("supervisor", reason, rest)
                case {"event": "ChildEnded", "path": "@gateway", "reason": reason, **rest}:
                    self._tally.count("ends of the gateway")
                    self._judge_end("gateway", reason, rest)
                case {"event": "ChildEnded", "kind": kind}:
                    self._tally.count(f"ends of a {kind}")
                case {"event": "ChildStartFailed", "path": path, "reason": reason}:
                    self._tally.count(f"failed starts: {reason:.60}")
                    if reason.startswith("error"):
                        self._tally.violate("start", f"{path}: {reason}")
                case {"event": "GaveUp", "path": path, "child": child}:
                    self._tally.violate("gave up", f"{path or 'root'} since {child} ended")
                case _:
                    pass

    def _judge_end(self, kind: str, reason: str, event: dict[str, Any]) -> None:
        if kind == "supervisor":
            self._tally.count("ends of a supervisor")
        ours = reason == "killed" and event["pid"] in self.killed
        if not ours and not event["asked"]:
            path = event.get("path") or kind
            self._tally.violate(f"{kind} ended by itself", f"{path}: {reason}")


class Journal:
    """Reads ``events.jsonl`` as it grows, and goes over to the next file when it is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset, self._rest = 0, 0, b""

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events since the last time."""
        for path in (self._path.with_suffix(".jsonl.1"), self._path):
            if path.exists():
                yield from self._read(path)

    def _read(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            if inode != self._inode:
                if path != self._path:
                    return  # the one before the last: it was read to its end
                self._inode, self._offset, self._rest = inode, 0, b""
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            yield event
