"""Talking to the other workers of the tree, from inside one; and the marks of what is answered.

``@call`` on a method has it answer calls; ``otpy.call("counter", "get_count")`` makes one. Every
value that pickle carries passes between two workers.
"""

import contextlib
from collections.abc import Callable, Iterable
from functools import partialmethod
from typing import Any, TypeVar, overload

from otpy.errors import CallTimeout, NoProcess, OtpyError
from otpy.links import multi_call as many
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.pending import Pending
from otpy.links.supervisor import SupervisorRef
from otpy.server.context import current
from otpy.server.dispatch import MARK, is_method, marked
from otpy.wire.control import Whereis
from otpy.wire.gateway import TreeRow

Method = TypeVar(
    "Method", bound="Callable[..., Any] | classmethod[Any, Any, Any] | partialmethod[Any]"
)


@overload
def call(name: Method, /) -> Method: ...
@overload
def call(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> Any: ...
def call(
    name: Any, /, *request: object, key: object = None, timeout: float | None = DEFAULT_TIMEOUT_S
) -> Any:
    """Call another worker of this tree, and wait for the reply; or mark a method, as ``@call``.

    A marked method answers calls of its own name: ``("increment", 5)`` or ``"get_count"``.

    Args:
        name: An id that is unique in the tree, or a path.
        request: Any value; with more arguments, ``(request, *args)`` is sent.
        key: If the process has `instances`: the same key goes to the same instance, and without
            one (None) the least busy is picked.
        timeout: Seconds above zero, or None for ever. Meanwhile this process serves nobody.

    Raises:
        CallingSelf: It is this process.
        CallTimeout: No reply in time; a late one is dropped.
        ProcessDown: The process died before it answered.
        NoProcess: There is no such process, or it is stopped for good.
        Refused: The server said no.
        UnknownRequest: The server has no handler for this request.
        NotSendable: Pickle cannot carry the request or the reply.
        FrameTooLarge: The request or the reply is over `max_frame`.
        OtpyError: This process is not a worker of a tree.
    """
    if request and type(name) is str:  # as nearly always
        return current().peers[name].call(*request, key=key, timeout=timeout)
    if not request and is_method(name):
        return _marked(name, "call")
    return current().peers[_name(name)].call(_message(request), key=key, timeout=timeout)


@overload
def cast(name: Method, /) -> Method: ...
@overload
def cast(
    name: str,
    request: object,
    /,
    *args: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None: ...
def cast(
    name: Any, /, *request: object, key: object = None, timeout: float | None = DEFAULT_TIMEOUT_S
) -> Any:
    """Send a request that has no answer, or mark a method, as ``@cast``.

    One to a process that is down is dropped. One to oneself is handled after this message.

    Args:
        name: An id that is unique in the tree, or a path.
        request: Any value; with more arguments, ``(request, *args)`` is sent.
        key: As `call`'s.
        timeout: Seconds to wait while the process takes no messages, or None for ever.

    Raises:
        CallTimeout: The process lives, but took no messages in time.
        NotSendable: Pickle cannot carry the request.
        FrameTooLarge: It is over `max_frame`.
        OtpyError: This process is not a worker of a tree.
    """
    if not request and is_method(name):
        return _marked(name, "cast")
    return current().peers.cast(_name(name), _message(request), timeout, key)


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
        What has the reply once it came: ``.result(timeout=)``, ``.done()``. What went wrong
        with the process is told there, too.

    Raises:
        NotSendable: Pickle cannot carry the request.
        FrameTooLarge: It is over `max_frame`.
    """
    peer = current().peers[_name(name)]
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
    peers = current().peers
    refs = [peers[_name(name)] for name in dict.fromkeys(names)]
    return many.multi_call(refs, (request, *args), timeout)


def abcast(
    names: Iterable[str],
    request: object,
    *args: object,
    timeout: float | None = DEFAULT_TIMEOUT_S,
) -> None:
    """Cast to several workers of the tree; who takes no messages within the time gets none.

    Raises:
        NotSendable: Pickle cannot carry the request.
        FrameTooLarge: It is over `max_frame`.
    """
    for name in dict.fromkeys(names):
        with contextlib.suppress(CallTimeout):
            cast(name, request, *args, timeout=timeout)


def whereis(name: str, *, timeout: float | None = DEFAULT_TIMEOUT_S) -> int | None:
    """Tell the pid of a process of this tree; None if none of that name runs at this moment.

    Raises:
        CallTimeout: The node did not answer in time.
    """
    try:
        there = current().peers.ask_node(Whereis(_name(name)), timeout)
    except NoProcess:
        return None
    assert isinstance(there, TreeRow)
    return there.pid if there.state == "running" else None


def stop(name: str, reason: object = "normal", *, timeout: float | None = None) -> None:
    """Have another worker end with `reason`, and wait until it is gone (gen_server:stop).

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
    current().peers[_name(name)].stop(reason, timeout=timeout)


def supervisor(path: str = "") -> SupervisorRef:
    """Return a reference to a supervisor of this tree; "" is the root.

    The specs of its children are plain data. In a worker's `init` the supervisors above it cannot
    be asked, since they wait for it: `CallingSelf`.

    Args:
        path: Its path, or its id if that is unique in the tree.

    Raises:
        OtpyError: This process is not a worker of a tree.
    """
    return SupervisorRef(current().peers, _name(path))


def _marked(method: Any, kind: str) -> Any:
    setattr(method, MARK, marked(kind, method))
    return method


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a process is named by a string, got {name!r:.100}")
    return name


def _message(request: tuple[object, ...]) -> object:
    if not request:
        raise TypeError("a request is missing")
    return request if len(request) > 1 else request[0]
