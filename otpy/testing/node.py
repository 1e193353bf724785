"""A node that a test kills the processes of, and waits for."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from otpy.client.gateway import Gateway
from otpy.client.node import Node
from otpy.client.tree import ProcessInfo
from otpy.errors import CallTimeout, NodeNotFound, ProcessDown
from otpy.events import ChildEnded, Event
from otpy.links.deadline import TooLate, seconds_left, until_readable, within
from otpy.system.descriptor import Descriptor
from otpy.system.nodedir import NodeDir

if TYPE_CHECKING:
    from otpy.aio.client.connecting import Connecting

E = TypeVar("E", bound=Event)
T = TypeVar("T")

PATIENCE_S: Final = 10.0
"""Seconds that a wait lasts by default: more than anything takes on a busy machine."""

_NODE: Final = "@node"
_DOWN: Final = "failed"
"""Not ``stopped``: so are those of a group, until their turn comes to be started again."""

_LAST_EVENTS: Final = 20


class NodeUnderTest(Node):
    """A running node, as `otpy.Node`, with what tests need.

    Every wait ends with an AssertionError that shows the last events: after its timeout, or as soon
    as what is waited for cannot come any more.
    """

    def __init__(self, gateway: Gateway, output: Path) -> None:
        super().__init__(gateway)
        self._output = output
        self._stream = self.events(follow=True)
        self._history: list[Event] = []
        self._cursor = 0
        self._known = {each.path: each.incarnation for each in self.tree()}

    @property
    def output(self) -> str:
        """What the node and its children have printed so far: its log, stdout and stderr."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def aio(self) -> "Connecting":
        """Return a connection for asyncio: ``async with otpy_node.aio() as node:``."""
        from otpy.aio.client.connecting import connect  # noqa: PLC0415 - few tests need it

        return connect(self.name)

    def kill(self, name: str, *, timeout: float | None = PATIENCE_S) -> int:
        """Kill a process with SIGKILL, and wait until its supervisor knows that it has ended.

        A call that follows waits for its next incarnation.

        Args:
            name: A path, or an id if only one has it; "" is the root supervisor, ``@gateway`` the
                gateway, ``@node`` the node itself, which ends all.
            timeout: Seconds to wait for its end, or None for ever.

        Returns:
            The pid that it had.

        Raises:
            AssertionError: It does not run.
        """
        __tracebackhide__ = True  # the test's line is what matters
        if name == _NODE:
            return self._kill_node(timeout)
        process = self._process(name)
        if process is None or process.pid is None:
            state = "is not in the tree" if process is None else f"is {process.state}"
            raise AssertionError(f"nothing to kill: {name!r} {state}")
        pid = process.pid
        self._known[process.path] = process.incarnation
        with contextlib.suppress(ProcessDown):  # the gateway has killed itself
            self.signal(process.path, signal.SIGKILL)

        def ended() -> int | None:
            # Not by `wait_event`: what the test waits for next may come before this one.
            for event in self._history:
                if isinstance(event, ChildEnded) and (event.path, event.pid) == (process.path, pid):
                    return pid
            return None

        return self._until(ended, f"{name!r} did not end", timeout)

    def wait_restarted(self, name: str, *, timeout: float | None = PATIENCE_S) -> ProcessInfo:
        """Wait until a process was started again, and is ready.

        Again is: since `kill` killed it, else since the last wait for it, else since the start.

        Args:
            name: As for `kill`.
            timeout: Seconds, or None for ever.

        Returns:
            Its new incarnation.

        Raises:
            AssertionError: It was not, and what happened instead.
        """
        __tracebackhide__ = True

        def restarted() -> ProcessInfo | None:
            found = self._ready(name)
            return found if found and found.incarnation > self._known.get(found.path, 1) else None

        return self._note(self._until(restarted, f"{name!r} was not restarted", timeout))

    def wait_ready(self, name: str, *, timeout: float | None = PATIENCE_S) -> ProcessInfo:
        """Wait until a process runs and is ready, whichever incarnation of it.

        Args, what is returned and what is raised are those of `wait_restarted`.
        """
        __tracebackhide__ = True
        return self._until(lambda: self._ready(name), f"{name!r} was not ready", timeout)

    def wait_event(
        self, kind: type[E], *, timeout: float | None = PATIENCE_S, **fields: object
    ) -> E:
        """Wait for an event after the one that was waited for last, or since the node's start.

        Args:
            kind: A class of `otpy.events`.
            timeout: Seconds, or None for ever.
            fields: The values of some of its fields: ``path="stock"``.

        Returns:
            The event.

        Raises:
            AssertionError: It did not come.
        """
        __tracebackhide__ = True

        def seen() -> E | None:
            for number, event in enumerate(self._history[self._cursor :], self._cursor + 1):
                if isinstance(event, kind) and _has(event, fields):
                    self._cursor = number
                    return event
            return None

        wanted = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        return self._until(seen, f"no {kind.__name__}({wanted}) came", timeout)

    # ---- how it waits ------------------------------------------------------------------------

    def _ready(self, name: str) -> ProcessInfo | None:
        try:
            found = self._process(name)
        except NodeNotFound:
            return None  # the end of the events says so
        if found is not None and found.state == _DOWN:
            raise _Never(f"it is {found.state}")
        return found if found is not None and found.state == "running" else None

    def _process(self, name: str) -> ProcessInfo | None:
        return self["@gateway"].info() if name == "@gateway" else self.tree().find(name)

    def _note(self, process: ProcessInfo) -> ProcessInfo:
        self._known[process.path] = process.incarnation
        return process

    def _until(self, look: Callable[[], T | None], failure: str, timeout: float | None) -> T:
        """Look now and after each event, until something is found."""
        __tracebackhide__ = True
        try:
            with within(timeout, failure) as deadline:
                while (found := look()) is None:
                    self._receive(deadline)
                return found
        except _Never as never:
            raise AssertionError(f"{failure}: {never}\n{self._story()}") from None
        except CallTimeout as late:
            raise AssertionError(f"{late}\n{self._story()}") from None

    def _receive(self, deadline: float | None) -> None:
        if not self._stream.wait(seconds_left(deadline)):
            raise TooLate
        if (event := next(self._stream, None)) is None:
            raise _Never("the node has ended")
        self._history.append(event)

    def _story(self) -> str:
        lines = [f"  {event}" for event in self._history[-_LAST_EVENTS:]]
        return "\n".join(["the last events were:", *lines])

    def _kill_node(self, timeout: float | None) -> int:
        pid = self.pid
        with (
            Descriptor(os.pidfd_open(pid)) as pidfd,
            within(timeout, f"node {self.name!r} did not end") as deadline,
        ):
            os.kill(pid, signal.SIGKILL)
            until_readable(pidfd, deadline)
        return pid


class _Never(Exception):
    """What is waited for cannot come."""


def _has(event: Event, fields: dict[str, object]) -> bool:
    return all(getattr(event, name) == value for name, value in fields.items())


def open_node(name: str, output: Path, timeout: float) -> NodeUnderTest:
    """Connect to a node that is up."""
    gateway = Gateway(name, NodeDir(name).control_sock)
    with within(timeout, f"node {name!r} did not answer") as deadline:
        gateway.connect_first(deadline)
    return NodeUnderTest(gateway, output)
