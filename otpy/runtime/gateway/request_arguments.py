"""Check the arguments of a client's request; a wrong one is the client's mistake."""

import math
import signal
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from otpy.errors import ProtocolError
from otpy.runtime.supervisor_api import MAX_CHILDREN
from otpy.wire.control import ReloadNode
from otpy.wire.gateway import Until
from otpy.wire.nesting import check_nesting
from otpy.wire.sys_messages import SysRequest


def sys_request(kind: type[SysRequest], arguments: Mapping[str, Any]) -> SysRequest:
    """Read a request about a process: its arguments pass the supervisors.

    Raises:
        KeyError: An argument is missing.
        ProtocolError: One is nested too deep, or not of the type that `kind` declares.
    """
    given = [arguments[name] for name in kind.__struct_fields__]
    check_nesting(given)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"{kind.operation}: {error!s:.200}") from None


def seconds(timeout: object) -> float | None:
    """Read a timeout; one that the loop could not wait for is wrong.

    Raises:
        ValueError: It is no number of seconds, nor None.
    """
    if timeout is None:
        return None
    if not isinstance(timeout, int | float) or not 0 <= timeout < math.inf:
        raise ValueError(f"timeout is seconds or None, got {timeout!r:.100}")
    return float(timeout)


def signal_number(number: object) -> int:
    """Read a signal's number: a supervisor is to send it, and must not fail at it.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(number, int) or not 0 <= number < signal.NSIG:
        raise ValueError(f"{number!r:.100} is no signal's number")
    return number


def wait_arguments(arguments: Mapping[str, Any]) -> tuple[tuple[str, ...], Until]:
    """Read what a client waits for: names, and what is to become of those processes.

    Raises:
        KeyError: An argument is missing.
        TypeError: They are not of these types.
    """
    names, until = arguments["names"], arguments["until"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"names are a list of strings, got {names!r:.100}")
    if until not in get_args(Until):
        raise TypeError(f"until is one of {get_args(Until)}, got {until!r:.100}")
    return tuple(names), until


def reload_arguments(arguments: Mapping[str, Any]) -> ReloadNode:
    """Read what is to be reloaded: a file, or the number of instances of a child.

    Raises:
        TypeError: An argument is of another type.
        ValueError: A child is to have no instance, or too many.
    """
    file, child = str(arguments.get("file") or ""), str(arguments.get("child") or "")
    instances = arguments.get("instances", 0)
    if not isinstance(instances, int) or isinstance(instances, bool):
        raise TypeError(f"instances is a number, got {instances!r:.40}")
    if child and not 0 < instances <= MAX_CHILDREN:
        raise ValueError(f"got {instances} instances, expected 1 to {MAX_CHILDREN}")
    return ReloadNode(file, child, instances)
