"""Monitors and links to other workers, from ``async def`` handlers; as `otpy.server.monitors`."""

import contextlib

from otpy.aio.server.calls import peers
from otpy.errors import NoProcess
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server import context, monitors
from otpy.wire.control import LinkTo, Unlink, Whereis
from otpy.wire.gateway import TreeRow


async def monitor(name: str) -> int:
    """Have a `Down` arrive in `handle_info` once the process has ended; as `otpy.monitor`."""
    wish = monitors.numbered(name)
    await peers().ask_node(wish, DEFAULT_TIMEOUT_S)
    return wish.number


async def demonitor(reference: int) -> None:
    """Undo `monitor`: no `Down` of it arrives any more, not even one that is here already."""
    await peers().ask_node(monitors.demonitoring(reference), DEFAULT_TIMEOUT_S)
    monitors.drop_down(reference)


async def link(name: str) -> None:
    """Link this process and another, for as long as both live; as `otpy.link`."""
    await peers().ask_node(LinkTo(name, context.current().traps), DEFAULT_TIMEOUT_S)


async def unlink(name: str) -> None:
    """Undo `link`: no `Exit` of it arrives any more, not even one that is here already."""
    others, path = peers(), name
    # Who is gone for good has no name any more; an `Exit` of it may be here.
    with contextlib.suppress(NoProcess):
        there = await others.ask_node(Whereis(name), DEFAULT_TIMEOUT_S)
        assert isinstance(there, TreeRow)
        path = there.path
        await others.ask_node(Unlink(name), DEFAULT_TIMEOUT_S)
    monitors.drop_exit(path)
