"""The supervisor API between plain data, as clients speak it, and the core's types."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from otpy.core.messages import (
    Answer,
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Done,
    GetChildSpec,
    Request,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from otpy.core.spec import ChildSpec
from otpy.errors import ProtocolError

_ABOUT_ONE_CHILD: Final[Mapping[str, Callable[[str], Request]]] = {
    "terminate_child": TerminateChild,
    "restart_child": RestartChild,
    "delete_child": DeleteChild,
    "get_childspec": GetChildSpec,
}


def core_request(operation: str, arguments: Mapping[str, Any]) -> Request:
    """Read a supervisor operation.

    Raises:
        SpecError: The spec of a `start_child` is wrong.
        ProtocolError: There is no such operation.
        KeyError: An argument is missing.
    """
    match operation:
        case "which_children":
            return WhichChildren()
        case "count_children":
            return CountChildren()
        case "start_child":
            # It costs memory, and most gateways never need it.
            from otpy.config import child_from_data, copy_from_data, is_copy  # noqa: PLC0415

            spec = arguments["spec"]
            return copy_from_data(spec) if is_copy(spec) else StartChild(child_from_data(spec))
        case _ if operation in _ABOUT_ONE_CHILD:
            return _ABOUT_ONE_CHILD[operation](str(arguments["child"]))
        case _:
            raise ProtocolError(f"unknown supervisor operation {operation!r:.40}")


def plain(answer: Answer, pids: Mapping[str, int], is_supervisor: Callable[[str], bool]) -> object:
    """Write down what a supervisor answered.

    Args:
        answer: No `Denied` or `NotStarted`; those are errors.
        pids: Of its children, by id.
        is_supervisor: Tells whether one of its children is a supervisor.
    """
    match answer:
        case Done(id=id_, incarnation=incarnation):
            state = "undefined" if incarnation is None else "running"
            kind = "supervisor" if is_supervisor(id_) else "worker"
            return _plain_row(ChildRow(id_, state, kind, incarnation or 0), pids)
        case Children(rows=rows):
            return [_plain_row(row, pids) for row in rows]
        case ChildCounts():
            return asdict(answer)
        case ChildSpec():
            from otpy.config import child_to_data  # noqa: PLC0415

            return child_to_data(answer)
        case _:
            raise AssertionError(answer)


def _plain_row(row: ChildRow, pids: Mapping[str, int]) -> dict[str, object]:
    pid = pids.get(row.id) if row.state == "running" else None
    return {**asdict(row), "pid": pid}
