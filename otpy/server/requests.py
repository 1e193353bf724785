# Generated from otpy/aio/server/requests.py by scripts/generate_blocking.py; do not edit.

"""Requests of a worker to other processes of its tree by their names, beside calls and casts."""

import contextlib
from collections.abc import Iterable
from typing import Any

from otpy.errors import CallTimeout, NoProcess, OtpyError
from otpy.links import multi_call as together
from otpy.links.deadline import DEFAULT_TIMEOUT_S, deadline_of, share_of
from otpy.links.pending import Pending
from otpy.links.supervisor import SupervisorRef
from otpy.server.calls import cast
from otpy.server.context import peers
from otpy.server.peers import checked_name
from otpy.wire.control import Whereis
from otpy.wire.gateway import TreeRow


def send_request(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> Pending:
    """Send a request to another worker, and go on; any number may be under way.

    Args:
        name: As `call`'s.
        request: As `call`'s.
        args: As `call`'s.
        key: As `call`'s.
        timeout: Seconds to wait while the process takes no messages, or None for ever.

    Returns:
        What has the reply once it came: ``pending.result(timeout=)``, ``.done()``. What went
        wrong with the process is told there, too.

    Raises:
        NotSendable: Pickle cannot carry the request.
        FrameTooLarge: It is over `max_frame`.
    """
    peer = peers()[checked_name(name)]
    return peer.send_request(request, *args, key=key, timeout=timeout)


def multi_call(
    names: Iterable[str],
    request: object,
    *args: object,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> tuple[dict[str, Any], dict[str, OtpyError]]:
    """Call several other workers of the tree at the same time.

    Args:
        names: Of the processes.
        request: As `call`'s.
        args: As `call`'s.
        timeout: Seconds above zero for all of them together, or None for ever.

    Returns:
        The replies by name, and what went wrong by the names of the others.

    Raises:
        NotSendable: Pickle cannot carry the request.
        FrameTooLarge: It is over `max_frame`.
    """
    others = peers()
    refs = [others[checked_name(name)] for name in dict.fromkeys(names)]
    return together.multi_call(refs, (request, *args), timeout)


def abcast(
    names: Iterable[str],
    request: object,
    *args: object,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None:
    """Cast to several workers of the tree; one that takes no messages within the time gets none.

    Args:
        names: Of the processes; this one's, too.
        request: As `call`'s.
        args: As `call`'s.
        timeout: Seconds above zero for all of them together, or None for ever.

    Raises:
        NotSendable: Pickle cannot carry the request.
        FrameTooLarge: It is over `max_frame`.
    """
    deadline, each_once = deadline_of(timeout), list(dict.fromkeys(names))

    def cast_to(number: int, name: str) -> bool:
        share = share_of(deadline, len(each_once) - number)
        with contextlib.suppress(CallTimeout):
            cast(name, request, *args, timeout=share)
        return True

    [cast_to(number, name) for number, name in enumerate(each_once)]


def whereis(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> int | None:
    """Return the pid of a process of this tree; None if none of that name runs at this moment.

    Raises:
        CallTimeout: The node did not answer in time.
    """
    try:
        there = peers().ask_node(Whereis(checked_name(name)), timeout)
    except NoProcess:
        return None
    assert isinstance(there, TreeRow)
    return there.pid if there.state == "running" else None


def stop(name: str, reason: object = "normal", *, timeout: float | None = None) -> None:
    """Stop another worker with `reason`, and wait until it is gone (gen_server:stop).

    It handles what was sent to it before, then `terminate` runs. Its supervisor treats the end
    as one of the process's own doing: a permanent child comes back.

    Args:
        name: As `call`'s; of a task, its `Task.name`.
        reason: As in ``Stop(reason)``.
        timeout: Seconds above zero, or None for as long as it takes.

    Raises:
        CallingSelf: It is this process: return ``Stop(reason)``.
        NoProcess: There is no such process at this moment, or it takes no messages.
        ProcessDown: It ended with another reason than asked for.
        CallTimeout: It is not gone yet. It ends all the same, unless it never comes to it.
    """
    peers()[checked_name(name)].stop(reason, timeout=timeout)


def supervisor(path: str = "") -> SupervisorRef:
    """Return a reference to a supervisor of this tree; "" is the root.

    The specs of its children are plain data. In a worker's `init` the supervisors above it cannot
    be asked, since they wait for it: `CallingSelf`.

    Args:
        path: Its path, or its id if that is unique in the tree.

    Raises:
        OtpyError: This process is not a worker of a tree.
    """
    return SupervisorRef(peers(), checked_name(path))
