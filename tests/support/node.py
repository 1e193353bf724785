"""A real node for a test: started, watched by its events, stopped; nothing of it may be left.

Nothing here waits for time. Every wait is for a report (an event, a line, a process's end), has
the one deadline of `DEADLINE_S`, and fails with what was seen until then.
"""

import contextlib
import functools
import gc
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

import otpy
from otpy.config import load
from otpy.events import (
    ChildEnded,
    ChildIgnored,
    ChildrenDeclared,
    ChildStarted,
    ChildStartFailed,
    ChildStarting,
    Event,
    NodeStarted,
    event_from_data,
)
from otpy.runtime.node.command import NodeTree, node_command
from otpy.system.marks import with_room
from tests.support.environment import ROOT
from tests.support.fork_server import Forked, ForkServer
from tests.support.inotify import Changes
from tests.support.logs import reported
from tests.support.processes import (
    DEADLINE_S,
    await_end,
    become_subreaper,
    describe,
    descriptors,
    living_below,
    reap_adopted,
)

E = TypeVar("E")
T = TypeVar("T")

_TIME_OF_CHILD: Final = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} (?!otpy \|)", re.MULTILINE)

REMAINS: Final = {"ends", "events.jsonl", "events.jsonl.1", "lock", "log"}
"""What may be left of a node in its folder."""


@functools.cache
def fork_server() -> ForkServer:
    """Return the one that forks the nodes of this process."""
    return ForkServer(str(ROOT))


class NodeUnderTest:
    """A node that runs in a process of its own.

    Args:
        name: The node's name.
        command: What to run.
        place: The folder of all nodes, $OTPY_DIR.
        work: A folder for the test's own files; the node's output goes to one in it.
        pass_fds: Descriptors that the node inherits.
        stdout: Where the node's stdout goes instead.
        env: What is added to the environment.
        forked: The descriptor of the node's tree, if the fork server is to start it.
        cwd: Where the node starts.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        place: Path,
        work: Path,
        *,
        pass_fds: Sequence[int] = (),
        stdout: int | None = None,
        env: Mapping[str, str] | None = None,
        forked: int | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.name, self.folder, self.work = name, place / name, work
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._journal = self.folder / "events.jsonl"
        self._inode = self._journal.stat().st_ino if self._journal.exists() else 0
        self._offset = self._journal.stat().st_size if self._journal.exists() else 0
        number = sum(1 for _ in work.glob("*.out"))
        self._out = work / f"{name}-{number}.out"
        self._err = work / f"{name}-{number}.err"
        self.changes = Changes(self.folder, work)
        self.events: list[Event] = []
        self._cursor = 0
        self._client: otpy.Node | None = None
        self._connecting = threading.Lock()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            environment = with_room({**os.environ, "OTPY_DIR": str(place), **(env or {})})
            self.process: subprocess.Popen[bytes] | Forked
            if forked is not None and fork_server().can_start(environment):
                self.process = fork_server().start(
                    environment, forked, out.fileno(), err.fileno(), cwd
                )
            else:
                self.process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out if stdout is None else stdout,
                    stderr=err,
                    pass_fds=pass_fds,
                )
        self._pidfd = os.pidfd_open(self.process.pid)

    # ---- waiting -----------------------------------------------------------------------------

    def until(self, look: Callable[[], T | None], what: str, *, outlives: bool = False) -> T:
        """Wait until `look` finds something.

        Args:
            look: Called after each change of a file of the node's or the test's; what it
                returns has to be true.
            what: What is waited for, for the failure's text.
            outlives: The node may end meanwhile.
        """
        until = time.monotonic() + DEADLINE_S
        while True:
            # Whether it has ended is asked before, so that its last words are not missed.
            ended = self.process.poll() is not None
            found = look()
            if found:
                return found
            if ended and not outlives:
                raise AssertionError(f"the node ended; nobody saw {what}\n{self.story()}")
            others = () if ended else (self._pidfd,)
            if not self.changes.wait(until, *others):
                raise AssertionError(f"nobody saw {what}\n{self.story()}")

    def next(self, kind: type[E], **fields: object) -> E:
        """Wait for the next event of that kind with these fields, and go on after it."""

        def look() -> E | None:
            self.read_events()
            for number, event in enumerate(self.events[self._cursor :], self._cursor):
                if isinstance(event, kind) and _fits(event, fields):
                    self._cursor = number + 1
                    return event
            return None

        return self.until(look, f"{kind.__name__} {fields}")

    def next_each(self, kind: type[E], paths: Iterable[str]) -> dict[str, E]:
        """Wait for one event of that kind for each path, in any order; go on after the last."""
        wanted = set(paths)
        found: dict[str, E] = {}
        cursor = last = self._cursor
        for path in wanted:
            self._cursor = cursor
            found[path] = self.next(kind, path=path)
            last = max(last, self._cursor)
        self._cursor = last
        return found

    def seen(self, kind: type[E], **fields: object) -> list[E]:
        """List the events of that kind so far; the place of `next` does not change."""
        self.read_events()
        return [e for e in self.events if isinstance(e, kind) and _fits(e, fields)]

    def since(self) -> list[Event]:
        """List the events after the one that `next` gave last, and go on after them."""
        self.read_events()
        cursor, self._cursor = self._cursor, len(self.events)
        return self.events[cursor:]

    def says(self, pattern: str) -> "re.Match[str]":
        """Wait until the node's stdout holds a match of `pattern`."""
        return self.until(lambda: re.search(pattern, self.output, re.MULTILINE), repr(pattern))

    def complains(self, pattern: str) -> "re.Match[str]":
        """Wait until the node's stderr holds a match of `pattern`."""
        return self.until(lambda: re.search(pattern, self.errors, re.MULTILINE), repr(pattern))

    def logged(self, *entry: object, file: str = "log") -> None:
        """Wait until a worker has written this entry into its log."""
        self.until(lambda: list(entry) in self.log(file), f"{list(entry)} in {file}")

    def log(self, file: str = "log") -> list[list[Any]]:
        """Read what the workers have written."""
        path = self.work / file
        text = path.read_text() if path.exists() else ""
        whole, _, _ = text.rpartition("\n")  # the last line may be half written
        return [msgspec.json.decode(line) for line in whole.splitlines()]

    # ---- what there is -----------------------------------------------------------------------

    def read_events(self) -> None:
        """Note what the node has written into its journal since."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            if inode != self._inode:  # the one before was removed, or is full
                self._inode, self._offset = inode, 0 if self._inode else self._offset
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        self.events += [event_from_data(msgspec.json.decode(line)) for line in whole.splitlines()]

    @property
    def printed(self) -> str:
        """What the node has printed so far."""
        return self._out.read_text(errors="replace")

    @property
    def output(self) -> str:
        """What the node has printed so far; what its children have, without the times."""
        return _TIME_OF_CHILD.sub("", self.printed)

    @property
    def errors(self) -> str:
        """What the node and its supervisors have written to stderr so far."""
        return self._err.read_text(errors="replace")

    def story(self) -> str:
        """Return everything that is known, for a failure's text."""
        self.read_events()
        events = "\n".join(f"  {event}" for event in self.events[-60:])
        return f"events:\n{events}\nstdout:\n{self.output[-4000:]}\nstderr:\n{self.errors[-4000:]}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def pids(self) -> dict[str, int]:
        """Return the processes that run now by path: "" is the root, ``@gateway`` the gateway."""
        self.read_events()
        pids: dict[str, int] = {}
        for event in self.events:
            match event:
                case ChildStarting(path=path, pid=pid):
                    pids[path] = pid
                case ChildEnded(path=path) | ChildStartFailed(path=path) | ChildIgnored(path=path):
                    for known in [known for known in pids if is_at_or_below(known, path)]:
                        del pids[known]
                case _:
                    pass
        return pids

    def incarnations(self) -> dict[str, int]:
        """Return the number of the latest incarnation of each process."""
        self.read_events()
        starts = [event for event in self.events if isinstance(event, ChildStarting)]
        return {event.path: event.incarnation for event in starts}

    def declared(self) -> list[str]:
        """List the paths of all children that were declared."""
        return [
            f"{event.path}/{id_}" if event.path else id_
            for event in self.seen(ChildrenDeclared)
            if event.path != "@node"
            for id_, _ in event.children
        ]

    @property
    def client(self) -> otpy.Node:
        """A connection to the node, one for all threads of the test; the harness closes it."""
        with self._connecting:
            if self._client is None:
                self._client = otpy.connect(self.name, timeout=DEADLINE_S)
            return self._client

    def call(self, path: str, *request: object) -> Any:
        """Call a worker, with the deadline of all waits."""
        return self.client[path].call(*request, timeout=DEADLINE_S)

    # ---- acting ------------------------------------------------------------------------------

    def up(self) -> "NodeUnderTest":
        """Wait until the tree is up."""
        self.next(NodeStarted)
        return self

    def kill(self, path: str, number: int = signal.SIGKILL) -> int:
        """Signal the process at `path`, wherever it is; return its pid."""
        pid = self.pid if path == "@node" else self.pids()[path]
        os.kill(pid, number)
        return pid

    def recover(self, path: str, number: int = signal.SIGKILL) -> ChildStarted:
        """Kill the process at `path`, and wait until its replacement is up."""
        self.kill(path, number)
        self.next(ChildEnded, path=path)
        return self.next(ChildStarted, path=path)

    def send(self, number: int) -> None:
        """Signal the node itself."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait until the node has ended; return its exit status."""
        if not await_end(self.pid):
            raise AssertionError(f"the node did not end\n{self.story()}")
        self.disconnect()
        self.read_events()
        return self.process.wait()

    def stop(self) -> int:
        """Stop the node in order; return its exit status."""
        self.send(signal.SIGTERM)
        return self.wait()

    def disconnect(self) -> None:
        """Close the client's connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        """Release what the test process held for it."""
        self.disconnect()
        self.changes.close()
        pidfd, self._pidfd = self._pidfd, -1
        if pidfd >= 0:
            os.close(pidfd)


class Nodes:
    """All nodes of one test, in a runtime directory of their own."""

    def __init__(self, monkeypatch: Any) -> None:
        become_subreaper()
        fork_server()  # started before it is asked which processes and descriptors there are
        self._known = set(living_below(os.getpid()))
        self._fds = descriptors(os.getpid())
        # Short, since the path of a Unix socket has only 107 bytes.
        self.place = Path(tempfile.mkdtemp(prefix="otpy-", dir="/tmp"))
        self.work = Path(tempfile.mkdtemp(prefix="otpy-work-", dir="/tmp"))
        self.all: list[NodeUnderTest] = []
        self._has_finished = False
        monkeypatch.setenv("OTPY_DIR", str(self.place))
        monkeypatch.setenv("OTPY_STATE", str(self.work / "state"))

    # ---- starting ----------------------------------------------------------------------------

    def write(self, text: str, file: str = "tree.yaml") -> Path:
        """Write a tree's file; ``WORK`` in it is the folder for the test's own files."""
        path = self.work / file
        path.write_text(text.replace("WORK", str(self.work)))
        return path

    def start(self, tree: str | Path, *, fresh: bool = False, cwd: Path = ROOT) -> NodeUnderTest:
        """Start a node from YAML text or a file; wait for nothing.

        What `otpy run` does before it becomes the node is done here, to save its time.

        Args:
            tree: The text, or where it is.
            fresh: Let an interpreter of its own run the node, and not one that was forked.
            cwd: Where the node starts.
        """
        with self.command(tree) as (name, command, fd):
            forked = None if fresh else fd
            return self._start(name, command, pass_fds=(fd,), forked=forked, cwd=cwd)

    @contextlib.contextmanager
    def command(self, tree: str | Path) -> Iterator[tuple[str, list[str], int]]:
        """Return a node's name, what starts it, and the descriptor that is to be passed on."""
        path = tree if isinstance(tree, Path) else self.write(tree)
        config = load(path, check_imports=False)
        fd = os.memfd_create("otpy-tree")
        try:
            os.write(fd, pickle.dumps(NodeTree(config.name, config.path, config.spec), 5))
            os.lseek(fd, 0, os.SEEK_SET)
            yield config.name, node_command(fd), fd
        finally:
            os.close(fd)

    def run(self, tree: str | Path, *, fresh: bool = False) -> NodeUnderTest:
        """Start a node, and wait until its tree is up."""
        return self.start(tree, fresh=fresh).up()

    def otpy_run(
        self, path: Path, name: str, stdout: int | None = None, env: Mapping[str, str] | None = None
    ) -> NodeUnderTest:
        """Start a node as a user does: ``otpy run FILE``."""
        command = [sys.executable, "-m", "otpy", "run", str(path)]
        return self._start(name, command, stdout=stdout, env=env)

    def start_by(self, name: str, command: Sequence[str], **options: Any) -> NodeUnderTest:
        """Start a node by a command of the test's own."""
        return self._start(name, command, **options)

    def _start(self, name: str, command: Sequence[str], **options: Any) -> NodeUnderTest:
        node = NodeUnderTest(name, command, self.place, self.work, **options)
        self.all.append(node)
        return node

    # ---- what is left ------------------------------------------------------------------------

    def processes(self) -> list[int]:
        """List every process that runs on account of this test."""
        living = reap_adopted([node.pid for node in self.all])
        return [pid for pid in living if pid not in self._known]

    def gone(self) -> None:
        """Wait until no process of any node runs."""
        until = time.monotonic() + DEADLINE_S
        while pids := self.processes():
            if not await_end(pids[0], until):
                raise AssertionError(f"still there:\n{describe(self.processes())}")

    def finish(self) -> None:
        """Stop what runs, and fail if anything is left over."""
        for node in self.all:
            if node.process.poll() is None:
                status = node.stop()
                assert status == 0, f"status {status} after SIGTERM\n{node.story()}"
        left = self.processes()
        assert not left, f"left over:\n{describe(left)}\n{self.stories()}"
        for node in self.all:
            node.close()
        if self._opened():
            gc.collect()  # which takes as long as to start a process: only if there is something
        leaked = self._opened()
        assert not leaked, f"the test process has more open files than before: {leaked}"
        self._check_files()
        self._has_finished = True

    def _opened(self) -> dict[int, str]:
        """Return the descriptors of this process that were not there before the test."""
        now = descriptors(os.getpid())
        return {fd: what for fd, what in now.items() if self._fds.get(fd) != what}

    def _check_files(self) -> None:
        for folder in self.place.iterdir():
            statuses = [node.process.returncode for node in self.all if node.folder == folder]
            if statuses and statuses[-1] == -signal.SIGKILL:
                continue  # nobody was left to tidy up; the next run does
            left = {entry.name for entry in folder.iterdir()} - REMAINS
            assert not left, f"{folder} still holds {left}"

    def stories(self) -> str:
        """Return everything that is known of all nodes, for a failure's text."""
        return "\n".join(f"{node.name}: {node.story()}" for node in self.all)

    def destroy(self) -> None:
        """End and remove everything; checks nothing."""
        while not self._has_finished and (pids := self.processes()):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in pids:
                await_end(pid)
        for node in self.all:
            node.process.wait()
            with contextlib.suppress(OSError):
                node.close()
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)


@contextlib.contextmanager
def private_nodes(monkeypatch: Any, failed: Callable[[], bool]) -> Iterator[Nodes]:
    """Yield a test's nodes; afterwards nothing may be left of them, unless it failed anyway."""
    nodes = Nodes(monkeypatch)
    try:
        with reported("nodes", nodes.stories):
            yield nodes
        if not failed():
            nodes.finish()
    finally:
        nodes.destroy()


def is_at_or_below(path: str, top: str) -> bool:
    """Return whether `path` is `top` or in its subtree; the gateway is beside the tree."""
    if path == top:
        return True
    return not path.startswith("@") and (not top or path.startswith(f"{top}/"))


def _fits(event: object, fields: Mapping[str, object]) -> bool:
    return all(getattr(event, name) == value for name, value in fields.items())
