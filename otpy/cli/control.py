"""Stop and start children of a node, and say what came of it: `otpy stop`, `start`, `restart`."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from otpy.cli.errors import Failed, TimedOut
from otpy.cli.names import shown, supervisor_of
from otpy.cli.output import Done
from otpy.errors import CallTimeout, NoProcess, OtpyError, StartFailed, SupervisorError

if TYPE_CHECKING:
    from otpy import ChildInfo, Node, ProcessInfo, SupervisorRef

_LEAST_S: Final = 0.001
_TO_SEND_S: Final = 0.05
"""Seconds to send a request whose answer nobody waits for."""


class Control:
    """Controls children of a node.

    Args:
        node: The node.
        limit: Seconds to wait for each child, or None for as long as it takes.
    """

    def __init__(self, node: "Node", limit: float | None) -> None:
        self._node, self._limit = node, limit
        self._began = time.monotonic()

    def stop(self, row: "ProcessInfo") -> Done:
        """Stop a child that is not stopped."""
        self._began = time.monotonic()
        supervisor, child = supervisor_of(self._node, row)
        name = shown(row.path)
        if row.state == "stopped":
            return Done(f"{name}: is stopped already", {"did": "nothing", "state": "stopped"})
        self._stop(supervisor, child, name)
        return Done(f"{name}: stopped", {"did": "stopped", "state": "stopped"})

    def start(self, row: "ProcessInfo") -> Done:
        """Start a child that does not run; wait for one that is starting already."""
        self._began = time.monotonic()
        supervisor, child = supervisor_of(self._node, row)
        name = shown(row.path)
        try:
            with self._telling(name, "started"):
                info = supervisor.restart_child(child, timeout=self._left())
        except SupervisorError as error:
            if error.reason not in ("running", "restarting"):
                raise
            return self._running_already(row)
        return _started(name, info, "started")

    def restart(self, row: "ProcessInfo") -> Done:
        """Stop a child if it runs, and start it again.

        A child that stops may be forgotten by its supervisor, so its spec is taken down before.
        """
        self._began = time.monotonic()
        supervisor, child = supervisor_of(self._node, row)
        name = shown(row.path)
        try:
            with self._telling(name, "restarted"):
                info = supervisor.restart_child(child, timeout=self._left())
        except SupervisorError as error:
            if error.reason not in ("running", "restarting"):
                raise
        else:
            return _started(name, info, "started")
        with self._telling(name, "restarted"):
            spec = supervisor.get_childspec(child, timeout=self._left())
            self._stop_to_start(supervisor, spec)
            info = self._start_again(supervisor, spec)
        return _started(name, info, "restarted")

    def add(self, supervisor: "ProcessInfo", spec: Mapping[str, Any]) -> Done:
        """Add a child to a supervisor, and start it."""
        self._began = time.monotonic()
        if supervisor.kind != "supervisor":
            name = shown(supervisor.path)
            raise Failed(f"{name} is no supervisor, so it cannot have children")
        ref = self._node.supervisor(supervisor.path)
        try:
            info = ref.start_child(spec, timeout=self._left())
        except CallTimeout:
            raise self._late("the child", "started") from None
        path = f"{supervisor.path}/{info.id}".lstrip("/")
        done = _started(path, info, "started")
        return done._replace(fields={"name": path, "path": path, **done.fields})

    def _running_already(self, row: "ProcessInfo") -> Done:
        """Wait for a child that somebody else has begun to start, if it is not up yet."""
        name = shown(row.path)
        with self._telling(name, "started"):
            now = self._node.wait_ready(row.path, timeout=self._left())
        text = f"{name}: is running already, pid {now.pid}"
        return Done(text, {"did": "nothing", "state": now.state, "pid": now.pid})

    def _stop(self, supervisor: "SupervisorRef", child: str, name: str) -> None:
        with self._telling(name, "stopped"):
            supervisor.terminate_child(child, timeout=self._left())

    def _stop_to_start(self, supervisor: "SupervisorRef", spec: Mapping[str, Any]) -> None:
        """Stop a child; if nobody waits for that any more, have its supervisor start it then.

        A supervisor does one request after another, also those whose sender has gone.
        """
        try:
            supervisor.terminate_child(spec["id"], timeout=self._left())
        except (CallTimeout, KeyboardInterrupt):
            with suppress(OtpyError):
                supervisor.restart_child(spec["id"], timeout=_TO_SEND_S)
            with suppress(OtpyError):  # it runs by now, unless it was forgotten as it stopped
                supervisor.start_child(spec, timeout=_TO_SEND_S)
            raise

    def _start_again(self, supervisor: "SupervisorRef", spec: Mapping[str, Any]) -> "ChildInfo":
        """Start a stopped child; add it anew if it is temporary, or its supervisor dynamic."""
        try:
            return supervisor.restart_child(spec["id"], timeout=self._left())
        except SupervisorError as error:
            if error.reason != "not_found":
                raise
            return supervisor.start_child(spec, timeout=self._left())

    @contextmanager
    def _telling(self, name: str, what: str) -> Iterator[None]:
        """Add to errors what state a child is left in, or that it takes longer."""
        try:
            yield
        except CallTimeout:
            raise self._late(name, what) from None
        except StartFailed as error:
            state = self._state(name)
            hint = (
                f"it is {state} now; `otpy why {name}` shows more, `otpy start {name}` tries again"
            )
            if state == "removed":
                hint = "it is removed from its supervisor now"
            raise Failed(f"it failed to start: {error}", hint, kind="StartFailed") from None

    def _late(self, name: str, what: str) -> TimedOut:
        problem = f"{name!r}: not {what} within {self._limit:g} s"
        return TimedOut(problem, f"it goes on; see `otpy status {name}`")

    def _state(self, name: str) -> str:
        try:
            return self._node[name].info().state
        except NoProcess:
            return "removed"

    def _left(self) -> float | None:
        if self._limit is None:
            return None
        return max(_LEAST_S, self._limit - (time.monotonic() - self._began))


def _started(name: str, info: "ChildInfo", how: str) -> Done:
    """Return that a child was started, or that its init returned `Ignore`."""
    if info.pid is None:
        return Done(f"{name}: ignored its start", {"did": "ignored", "state": "stopped"})
    fields = {"did": how, "state": "running", "pid": info.pid}
    return Done(f"{name}: {how}, pid {info.pid}", fields)
