"""The steps of `otpy demo`: one method each, all checked.

It works as a user would: `otpy run` in one process, the client module in this one, signals
by pid, and psutil for what the kernel says.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from otpy import Node, connect
from otpy.cli.errors import Failed
from otpy.cli.names import rows_of
from otpy.cli.terminal import PATIENCE_S, Say, Terminal, terminal
from otpy.cli.tree import draw, look_at
from otpy.errors import OtpyError, ProcessDown, UnknownRequest
from otpy.events import NodeStarted

CRASH: Final = "error: ZeroDivisionError"


def demonstrate(file: Path, private: Path, say: Say) -> None:
    """Run the tree in `file` with its sockets in the directory `private`, and return the story.

    Raises:
        Failed: A step does not hold.
    """
    began = time.monotonic()
    with only_directory(private):
        say(f"1. Start the tree that {file.name} describes, as `otpy run {file.name}` does.")
        with terminal(file, private, say) as run:
            run.show_until(" is up")
            with connect() as node:
                await_start(node)
                Story(node, run, say).tell()
    say(f"\nEvery step held. It took {time.monotonic() - began:.1f} s.")


def await_start(node: Node) -> None:
    """Wait until the gateway knows what `otpy run` has just said: that the tree is up."""
    with node.events(follow=True) as events:
        for event in events:
            if isinstance(event, NodeStarted):
                return


@contextmanager
def only_directory(private: Path) -> Iterator[None]:
    """Hide all nodes, and states, but those in `private` from this process and its children."""
    before = {name: os.environ.get(name) for name in ("OTPY_DIR", "OTPY_STATE")}
    os.environ.update(OTPY_DIR=str(private), OTPY_STATE=str(private / "states"))
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


class Story:
    """The steps, in their order.

    Args:
        node: The node, with a counter in its tree.
        run: The same node from outside.
        say: Where to tell it.
    """

    def __init__(self, node: Node, run: Terminal, say: Say) -> None:
        self._node, self._run, self._say = node, run, say
        self._counter = node["counter"]
        self._number = 1

    def tell(self) -> None:
        """Print all of it.

        Raises:
            Failed: A step does not hold.
        """
        for step in (
            self.draw_the_tree,
            self.count,
            self.crash_in_a_handler,
            self.ask_for_nonsense,
            self.kill_the_counter,
            self.kill_the_root,
            self.kill_the_gateway,
            self.kill_a_durable_counter,
            self.shut_down,
        ):
            self._number += 1
            try:
                self._run.note_descendants()
                step()
                self._run.note_descendants()
            except Failed as error:
                raise self._failed(error.message) from error
            except (OtpyError, OSError, psutil.Error) as error:
                text = " ".join(str(error).split())
                raise self._failed(f"{type(error).__name__}: {text}") from error

    # ---- the steps ---------------------------------------------------------------------------

    def draw_the_tree(self) -> None:
        """Show that every node of the tree is a process."""
        self._title("Look at it, as `otpy tree` does: each line is a process of its own.")
        self._show(draw(look_at(self._node)))
        self._hold("all run", all(row.state == "running" for row in rows_of(self._node)))

    def count(self) -> None:
        """Talk to the counter."""
        self._title("Ask the counter, a GenServer, to count: counter.call('increment', 5).")
        self._expect("the reply", self._counter.call("increment", 5), 5)
        self._expect("the count", self._counter.call("get_count"), 5)

    def crash_in_a_handler(self) -> None:
        """End the counter by an exception."""
        self._title("Raise an exception inside its handle_call: counter.call('divide', 0).")
        before = self._counter.pid
        try:
            self._counter.call("divide", 0)
        except ProcessDown as down:
            self._show(f"The caller gets ProcessDown: {down}")
            self._hold("the reason is the exception", down.reason.startswith(CRASH))
        else:
            raise Failed("the call of a server that crashed was answered")
        self._show("The supervisor reports it, and starts the counter again:")
        self._run.show_until("counter: started again")
        self._expect("the count, a fresh start", self._counter.call("get_count"), 0)
        self._hold("a new process", self._counter.pid != before)

    def ask_for_nonsense(self) -> None:
        """Show that an unknown request is no crash."""
        self._title("Ask for what it does not know: counter.call('fly').")
        before = self._counter.pid
        self._counter.call("increment", 1)
        try:
            self._counter.call("fly")
        except UnknownRequest as error:
            self._show(f"The caller gets UnknownRequest: {error}")
        else:
            raise Failed("an unknown request was answered")
        self._expect("the count, untouched", self._counter.call("get_count"), 1)
        self._hold("the same process", self._counter.pid == before)

    def kill_the_counter(self) -> None:
        """Kill the counter with SIGKILL, which no process can catch."""
        old = psutil.Process(self._counter.pid)
        self._title(f"Kill the counter outright: kill -9 {old.pid}.")
        began = time.monotonic()
        old.kill()
        old.wait(PATIENCE_S)
        count = self._counter.call("get_count", timeout=PATIENCE_S)
        self._tell_time("It answered again", began)
        self._expect("the count, a fresh start", count, 0)
        self._hold("a new process", self._counter.pid != old.pid)
        self._run.show_until("counter: started again")

    def kill_the_root(self) -> None:
        """Kill the supervisor of the counter."""
        root, counter = (psutil.Process(pid) for pid in self._pids("", "counter"))
        self._title(f"Kill the root supervisor, the counter's parent: kill -9 {root.pid}.")
        began = time.monotonic()
        root.kill()
        for process in (root, counter):
            process.wait(PATIENCE_S)
        count = self._counter.call("get_count", timeout=PATIENCE_S)
        self._tell_time("The counter went with it; both are back, and it answered again", began)
        self._expect("the count, a fresh start", count, 0)
        self._run.show_until("root: started again")
        new = self._pids("", "counter")
        self._hold("new processes", {root.pid, counter.pid}.isdisjoint(new))

    def kill_the_gateway(self) -> None:
        """Kill the process that clients are let in by."""
        gateway = self._run.gateway()
        self._title(f"Kill the gateway, which lets clients in: kill -9 {gateway.pid}.")
        self._counter.call("increment", 3)
        (before,) = self._pids("counter")
        began = time.monotonic()
        gateway.kill()
        gateway.wait(PATIENCE_S)
        count = self._counter.call("get_count", timeout=PATIENCE_S)
        self._show("The counter never noticed: clients talk to it directly.")
        self._expect("the count, untouched", count, 3)
        self._hold("the same process", self._pids("counter") == [before])
        self._tell_time("A new gateway answered", began)
        self._run.show_until("gateway: started again")

    def kill_a_durable_counter(self) -> None:
        """Kill a counter whose state is stored."""
        spec = {"id": "ledger", "start": "otpy.examples.counter:Counter", "durable": True}
        self._title("Start a counter with `durable: true`, add 5, kill -9 it, and add 2.")
        self._node.supervisor().start_child(spec)
        ledger = self._node["ledger"]
        self._expect("the count", ledger.call("increment", 5), 5)
        old = psutil.Process(ledger.pid)
        old.kill()
        old.wait(PATIENCE_S)
        count = ledger.call("increment", 2, once=True, timeout=PATIENCE_S)
        self._expect("the count, 5 + 2", count, 7)
        self._hold("a new process", ledger.pid != old.pid)
        self._run.show_until("ledger: started again")

    def shut_down(self) -> None:
        """Stop everything, and look for what is left."""
        self._title("Shut down in order, as `otpy shutdown` or Ctrl-C does.")
        self._node.shutdown(timeout=PATIENCE_S)
        self._run.show_until("has stopped")
        self._expect("the exit status of `otpy run`", self._run.wait(), 0)
        self._show(f"psutil looks for all {len(self._run.processes)} processes that there were:")
        self._expect("processes left", len(self._run.survivors()), 0)

    # ---- how they are told -------------------------------------------------------------------

    def _title(self, text: str) -> None:
        self._say(f"\n{self._number}. {text}")

    def _show(self, text: str) -> None:
        for line in text.splitlines():
            self._say(f"   {line}")

    def _tell_time(self, what: str, began: float) -> None:
        self._show(f"{what} {(time.monotonic() - began) * 1000:.1f} ms after the kill.")

    def _expect(self, what: str, got: object, expected: object) -> None:
        self._hold(f"{what}: {expected}", got == expected, f", got {got}")

    def _hold(self, what: str, holds: bool, instead: str = "") -> None:
        if not holds:
            raise Failed(f"expected {what}{instead}")
        self._show(f"✓ {what}")

    def _failed(self, why: str) -> Failed:
        return Failed(f"step {self._number} of the demo does not hold: {why}")

    def _pids(self, *paths: str) -> list[int | None]:
        by_path = {process.path: process.pid for process in self._node.tree()}
        return [by_path[path] for path in paths]
