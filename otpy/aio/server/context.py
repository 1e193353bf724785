"""The worker that an ``async def`` handler runs in; by hand, as its blocking twin."""

from otpy.aio.server.peers import Peers
from otpy.server.context import current


def peers() -> Peers:
    """Return what reaches the other workers; raises OtpyError in a process that is none."""
    found: Peers = current().peers.on_a_loop()
    return found
