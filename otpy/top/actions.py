"""What can be done with the selected process: what the commands of the same names do."""

import signal
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from otpy import ChildInfo
from otpy.aio.client.node import Node
from otpy.aio.links.supervisor import SupervisorRef
from otpy.errors import NoProcess, ProcessDown, SupervisorError
from otpy.wire.paths import GATEWAY


class Action(NamedTuple):
    """One of them.

    Attributes:
        verb: As it is asked for and reported, such as ``stop``.
        perform: Does it with the process at a path, and returns what came of it.
        is_asked: Whether it is asked for a confirmation.
        of_children: Whether it is for children of supervisors alone.
    """

    verb: str
    perform: Callable[[Node, str], Awaitable[str]]
    is_asked: bool = True
    of_children: bool = True

    def check(self, path: str) -> None:
        """Raise NoProcess if it cannot be done with the process at `path`."""
        if self.of_children and (not path or path.startswith("@")):
            raise NoProcess("it is no child of the tree; `otpy shutdown` stops it all")


def _child(node: Node, path: str) -> tuple[SupervisorRef, str]:
    supervisor, _, child = path.rpartition("/")
    return node.supervisor(supervisor), child


async def _stop(node: Node, path: str) -> str:
    supervisor, child = _child(node, path)
    await supervisor.terminate_child(child)
    return "stopped"


async def _start(node: Node, path: str) -> str:
    supervisor, child = _child(node, path)
    return _started(await supervisor.restart_child(child), "started")


async def _restart(node: Node, path: str) -> str:
    supervisor, child = _child(node, path)
    try:
        return _started(await supervisor.restart_child(child), "started")
    except SupervisorError as error:
        if error.reason not in ("running", "restarting"):
            raise
    # It may be forgotten as it stops, so its spec has to be taken down before.
    spec = await supervisor.get_childspec(child)
    await supervisor.terminate_child(child)
    return _started(await _start_again(supervisor, child, spec), "restarted")


async def _start_again(supervisor: SupervisorRef, child: str, spec: dict[str, object]) -> ChildInfo:
    try:
        return await supervisor.restart_child(child)
    except SupervisorError as error:
        if error.reason != "not_found":
            raise
        return await supervisor.start_child(spec)


def _started(info: ChildInfo, how: str) -> str:
    return "ignored its start" if info.pid is None else f"{how}, pid {info.pid}"


async def _kill(node: Node, path: str) -> str:
    try:
        await node.signal(path, signal.SIGKILL)
    except ProcessDown:
        if path != GATEWAY:  # which dies of the signal before it can answer
            raise
    return "killed"


async def _suspend(node: Node, path: str) -> str:
    await node[path].suspend()
    return "suspended"


async def _resume(node: Node, path: str) -> str:
    await node[path].resume()
    return "resumed"


STOP: Final = Action("stop", _stop)
START: Final = Action("start", _start)
RESTART: Final = Action("restart", _restart)
KILL: Final = Action("kill", _kill, of_children=False)
SUSPEND: Final = Action("suspend", _suspend, is_asked=False)
RESUME: Final = Action("resume", _resume, is_asked=False)

ACTIONS: Final = {each.verb: each for each in (STOP, START, RESTART, KILL, SUSPEND, RESUME)}
