"""The worker that an ``async def`` handler runs in.

Written by hand; the blocking version is otpy/server/context.py.
"""

from otpy.aio.server.peers import Peers
from otpy.server.context import current


def peers() -> Peers:
    """Return the worker's `Peers`; raise OtpyError outside a worker."""
    found: Peers = current().peers.on_a_loop()
    return found
