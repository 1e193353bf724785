"""What a client says on a link: the commonest requests are framed as all others are."""

import os
from functools import partial

import pytest

from otpy.errors import FrameTooLarge, NotSendable
from otpy.links.link import Link
from otpy.links.protocol import ClientProtocol
from otpy.system.descriptor import Descriptor
from otpy.system.pipes import link_pipes
from otpy.wire import link
from otpy.wire.codec import pack_request

REQUESTS = [
    *(("add", "a" * size) for size in range(140)),
    *(("add", value) for value in (1, -1, 1 << 63, True, 0.5, b"abc", None)),
    *(("add", value) for value in ((1, 2), [1, (2,)], {"a": {1, 2}}, "a" * (1 << 17))),
    *(("add",), ("add", 1, 2), [], (), "add", 7, None, ["add", 1], (1, 2), ({1}, 2)),
]


@pytest.mark.parametrize("max_frame", [10, 127, 128, 129, 130, 1 << 20])
def test_requests_are_framed_alike_and_in_the_same_bounds(max_frame: int) -> None:
    protocol = ClientProtocol()
    protocol.max_frame = max_frame
    for request in REQUESTS:
        for frame, message in (
            (partial(protocol.cast, request), (link.CAST, request)),
            (partial(protocol.call, 300, request), (link.CALL, 300, request)),
        ):
            try:
                expected = pack_request(message, max_frame)
            except FrameTooLarge as error:
                with pytest.raises(FrameTooLarge, match=f"of {error.size} bytes is over"):
                    frame()
            else:
                assert frame() == expected


@pytest.mark.parametrize("value", [1 << 64, "\ud800", object(), type("Int", (int,), {})(1)])
def test_a_request_with_what_cannot_be_sent_is_refused(value: object) -> None:
    protocol = ClientProtocol()
    for send in (partial(protocol.call, 1), protocol.cast):
        with pytest.raises(NotSendable, match="cannot send a "):
            send(("add", value))


def test_the_attributes_of_a_link_are_as_few_as_python_finds_without_a_dictionary() -> None:
    most = 30  # SHARED_KEYS_MAX_SIZE, of CPython's dictobject.c
    ours, (read, write) = link_pipes()
    fds = (*ours, Descriptor(os.pidfd_open(os.getpid())))
    made = Link(fds, "some", os.getpid(), 1, node_pid=0, protocol=ClientProtocol())
    assert len(vars(made)) <= most
    made.retire()
    read.close()
    write.close()
