"""Calls and casts to the other workers of the tree, and the decorators `@call` and `@cast`.

``@call`` on a method has it answer calls; ``otpy.call("counter", "get_count")`` makes one. Every
value that pickle carries passes between two workers.
"""

from collections.abc import Callable
from functools import partialmethod
from typing import Any, TypeVar, overload

from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.server.context import current
from otpy.server.dispatch import MARK, is_method, marked
from otpy.server.peers import checked_name

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
    once: bool = False,
    request_id: str | None = None,
) -> Any: ...
def call(
    name: Any,
    /,
    *request: object,
    key: object = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    once: bool = False,
    request_id: str | None = None,
) -> Any:
    """Call another worker of this tree, and wait for the reply; or mark a method, as ``@call``.

    A marked method answers calls of its own name: ``("increment", 5)`` or ``"get_count"``.

    Args:
        name: An id that is unique in the tree, or a path.
        request: Any value; with more arguments, ``(request, *args)`` is sent.
        key: If the process has `instances`: the same key goes to the same instance, and without
            one (None) the least busy is picked.
        timeout: Seconds above zero, or None for ever. Meanwhile this process serves no request.
        once: Of a durable server: repeat the call within the timeout, if the process dies
            meanwhile; it is applied once.
        request_id: Repeats an earlier call with ``once``: the `request_id` of its error.

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
    if once or request_id is not None:
        how: Any = {"key": key, "timeout": timeout, "once": once, "request_id": request_id}
        return current().peers[checked_name(name)].call(_message(request), **how)
    if request and type(name) is str:  # as nearly always
        return current().peers[name].call(*request, key=key, timeout=timeout)
    if not request and is_method(name):
        return _marked(name, "call")
    return current().peers[checked_name(name)].call(_message(request), key=key, timeout=timeout)


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
    return current().peers.cast(checked_name(name), _message(request), timeout, key)


def _marked(method: Any, kind: str) -> Any:
    setattr(method, MARK, marked(kind, method))
    return method


def _message(request: tuple[object, ...]) -> object:
    if not request:
        raise TypeError("a request is missing")
    return request if len(request) > 1 else request[0]
