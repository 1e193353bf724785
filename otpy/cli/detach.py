"""``otpy run --detach``."""

import contextlib
import time
from typing import TYPE_CHECKING, Final

import click

from otpy.cli.errors import Failed, TimedOut
from otpy.cli.guardians import refuse_guarded
from otpy.cli.output import answer, wants_json
from otpy.cli.session import Session
from otpy.cli.show import show
from otpy.errors import CallTimeout, NodeAlreadyRunning, NodeNotFound, OtpyError, StartFailed
from otpy.system.guardians import guardian_of
from otpy.system.nodedir import NodeDir
from otpy.wire.safe_text import one_line

if TYPE_CHECKING:
    from otpy import Node
    from otpy.config import TreeConfig
    from otpy.runtime.node.detached import UpNode

_APPEARS_S: Final = 10.0
"""Within which a node that has its name has its socket, too."""

_AT_LEAST_S: Final = 0.001
_MOST_LINES: Final = 100
"""Of the log of a node that did not start."""


class Detaching:
    """Starts a node in a session of its own, and shows what was done.

    Args:
        config: Its tree.
        heart: Whether it has a guardian.
        timeout: Seconds until its tree has to be up; None for as long as it takes.
    """

    def __init__(self, config: "TreeConfig", *, heart: bool, timeout: float | None) -> None:
        self._config, self._heart = config, heart
        self._timeout, self._began = timeout, time.monotonic()
        self._began_at = time.time()

    def run(self, ctx: click.Context) -> None:
        """Do so.

        Raises:
            Failed: The tree is not up; or another node has its name.
        """
        try:
            self._start(ctx)
        except CallTimeout as error:
            late = f"{self._config.name} was not up within {self._timeout:g} s"
            raise TimedOut(f"{late}: {error}") from None
        except StartFailed as error:
            self._show_log()
            raise Failed(str(error), kind="StartFailed") from None

    def _start(self, ctx: click.Context) -> None:
        name = self._config.name
        try:
            refuse_guarded(name)
            up = self._started()
        except NodeAlreadyRunning as error:
            pid = self._pid_of_the_same(ctx, error)
            self._show(pid, is_new=False, says=f"{name}: runs already, pid {pid}")
            return
        _complain(up.printed)
        guarded = f", guardian {up.guardian}" if up.guardian is not None else ""
        self._show(up.pid, is_new=True, says=f"{name}: up, pid {up.pid}{guarded}")

    def _started(self) -> "UpNode":
        from otpy.runtime.node.detached import DetachedStart  # noqa: PLC0415 - the runtime

        with contextlib.closing(DetachedStart(self._config, heart=self._heart)) as starting:
            try:
                return starting.wait(self._left())
            except StartFailed:
                _complain(starting.printed)
                raise

    def _pid_of_the_same(self, ctx: click.Context, refused: NodeAlreadyRunning) -> int:
        """Return the pid of the node of that name once it is up, if it runs the same file."""
        from otpy.cli.appearing import connected_within  # noqa: PLC0415 - rarely needed

        directory = NodeDir(self._config.name)
        ctx.ensure_object(Session).node = self._config.name
        try:
            node = connected_within(ctx, _APPEARS_S)
            if directory.read_node_json().get("config") != self._config.path:
                raise refused
            self._wait(node)
        except NodeNotFound:
            raise refused from None
        return node.pid

    def _show_log(self) -> None:
        """Show what the node and its children said, as `otpy run` would have done."""
        from otpy.cli.log_reading import LogReading  # noqa: PLC0415 - rarely needed

        if not wants_json():
            with contextlib.suppress(OtpyError, OSError):
                reading = LogReading(self._config.name, (), self._began_at, None, None)
                reading.write(_MOST_LINES, previous=False, as_json=False)

    def _wait(self, node: "Node") -> None:
        from otpy.client.waiting import wait_until  # noqa: PLC0415 - rarely needed

        try:
            wait_until(node, [""], "ready", self._left())
        except CallTimeout:
            raise CallTimeout("another command has started it, and it goes on") from None

    def _left(self) -> float | None:
        if self._timeout is None:
            return None
        return max(_AT_LEAST_S, self._timeout - (time.monotonic() - self._began))

    def _show(self, pid: int, *, is_new: bool, says: str) -> None:
        guardian = guardian_of(NodeDir(self._config.name))
        result = {
            "node": self._config.name,
            "did": "started" if is_new else "nothing",
            "pid": pid,
            "guardian": None if guardian is None else guardian.pid,
        }
        answer(result, says)


def _complain(text: str) -> None:
    for line in text.splitlines():
        show(one_line(line), err=True)
