"""The gateway between the end of the node and its own, which the kernel brings a moment later."""

from otpy.core.messages import CountChildren
from otpy.runtime.control_channel import GATEWAY, end_of_child
from otpy.runtime.gateway.client_connection import Client
from otpy.runtime.gateway.pending_requests import PendingRequest, PendingRequests
from otpy.system.loop import Loop
from otpy.system.sockets import Socket, socket_pair


def test_a_client_is_hung_up_on_and_not_told_of_a_timeout() -> None:
    """6.10: chaos found callers that were told after seconds that their minute was over."""
    loop = Loop()
    ours, theirs = socket_pair()
    node = end_of_child(ours, GATEWAY)
    theirs.close()
    here, there = (Socket(end) for end in socket_pair())
    closed: list[Client] = []
    client = Client(here, loop, lambda *_: None, closed.append, lambda _line: None)
    pending = PendingRequests(node, loop)
    for number in range(2):  # what is sent as it goes is lost without an error
        pending.ask(PendingRequest(client, number, "branch", ("branch",)), CountChildren())
    assert closed == [client]
    assert there.recv(1) == b""
    there.close()
    node.close()
    loop.close()
