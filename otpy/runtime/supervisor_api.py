"""The supervisor API between plain data, as clients speak it, and the core's types."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from otpy.core.exits import Raised
from otpy.core.messages import (
    Answer,
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    GetChildSpec,
    GetSpec,
    NotStarted,
    Request,
    RestartChild,
    Results,
    StartChild,
    StartCopy,
    StartMany,
    TerminateChild,
    TerminateChildren,
    WhichChildren,
)
from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.errors import OtpyError, ProtocolError, StartFailed, SupervisorError
from otpy.runtime.record_fields import as_dict
from otpy.wire.nesting import check_nesting

_BATCH_CHARS: Final = 1 << 20
_ERROR_CHARS: Final = 200

_ABOUT_ALL: Final[Mapping[str, Request]] = {
    "get_spec": GetSpec(),
    "which_children": WhichChildren(),
    "count_children": CountChildren(),
}
_ABOUT_ONE_CHILD: Final[Mapping[str, Callable[[str], Request]]] = {
    "terminate_child": TerminateChild,
    "restart_child": RestartChild,
    "delete_child": DeleteChild,
    "get_childspec": GetChildSpec,
}


_NAME_IS_TAKEN: Final = "SupervisorError: already_started: "
"""With this a process ends that cannot have the name that it is to have."""

MAX_CHILDREN: Final = 10_000
"""Of one request."""


def core_request(operation: str, arguments: Mapping[str, Any]) -> Request | StartMany:
    """Read a supervisor operation.

    Raises:
        SpecError: The spec of a `start_child` is wrong.
        ProtocolError: There is no such operation.
        KeyError: An argument is missing.
    """
    match operation:
        case "start_child":
            return _start_child(arguments["spec"], "child")
        case "start_children":
            specs = enumerate(_many(arguments["specs"]))
            return StartMany(tuple([_start_child(s, f"children[{i}]") for i, s in specs]))
        case "terminate_children":
            return TerminateChildren(tuple([str(id_) for id_ in _many(arguments["children"])]))
        case _ if operation in _ABOUT_ALL:
            return _ABOUT_ALL[operation]
        case _ if operation in _ABOUT_ONE_CHILD:
            return _ABOUT_ONE_CHILD[operation](str(arguments["child"]))
        case _:
            raise ProtocolError(f"unknown supervisor operation {operation!r:.40}")


def _many(items: object) -> list[object]:
    """Check what a request about many children lists: a supervisor is to do it all."""
    if not isinstance(items, list):
        raise TypeError("expected a list")
    if len(items) > MAX_CHILDREN:
        problem = f"{len(items)} children in one request, expected at most {MAX_CHILDREN}"
        raise ProtocolError(problem)
    return items


def _start_child(spec: object, where: str) -> StartChild | StartCopy:
    check_nesting(spec)
    match spec:
        case {"args": list(args), **others} if not others:
            return StartCopy(args=tuple(args))  # as for most copies: without what comes now
    # It costs memory, and most gateways never need it.
    from otpy.config import child_from_data, copy_from_data, is_copy  # noqa: PLC0415

    if is_copy(spec):
        return copy_from_data(spec, where=where)
    return StartChild(child_from_data(spec, where=where))


def refusal(answer: Answer) -> OtpyError | None:
    """Return the error that an answer stands for; None if the request succeeded."""
    match answer:
        case Denied(reason=reason, detail=detail):
            return SupervisorError(reason, detail)
        case NotStarted(reason=Raised(error=error)) if error.startswith(_NAME_IS_TAKEN):
            return SupervisorError("already_started", error.removeprefix(_NAME_IS_TAKEN))
        case NotStarted(reason=reason):
            traceback = reason.traceback if isinstance(reason, Raised) else ""
            return StartFailed(str(reason), traceback)
        case _:
            return None


def to_builtins(answer: Answer, pids: Mapping[str, int]) -> object:
    """Write down what a supervisor answered.

    Args:
        answer: No `Denied` or `NotStarted`; those are errors.
        pids: Of its children, by id.
    """
    match answer:
        case Done(id=id_, incarnation=incarnation, kind=kind):
            state = "undefined" if incarnation is None else "running"
            return _plain_row(ChildRow(id_, state, kind, incarnation or 0), pids)
        case Children(rows=rows):
            return [_plain_row(row, pids) for row in rows]
        case Results(answers=answers):
            return [_plain_result(each, pids) for each in answers]
        case ChildCounts():
            return as_dict(answer)
        case ChildSpec():
            from otpy.config import child_to_data  # noqa: PLC0415

            return child_to_data(answer)
        case SupervisorSpec():
            from otpy.config.data import tree_to_data  # noqa: PLC0415 - few ask for it

            by_hand = [child.id for child in answer.children if child.by_hand]
            return {"fields": tree_to_data(answer), "by_hand": by_hand}
        case _:
            raise AssertionError(answer)


def _plain_result(answer: Answer, pids: Mapping[str, int]) -> dict[str, object]:
    if (error := refusal(answer)) is not None:
        return {"error": type(error).__name__, "arguments": list(error.args)}
    return {"child": to_builtins(answer, pids)}


def _plain_row(row: ChildRow, pids: Mapping[str, int]) -> dict[str, object]:
    pid = pids.get(row.id) if row.state == "running" else None
    return {**as_dict(row), "pid": pid}


def within_bounds(answers: Iterable[Answer]) -> Iterator[Answer]:
    """Leave out what would make one answer of thousands too large to be sent."""
    room = _BATCH_CHARS
    for answer in answers:
        if not isinstance(answer, NotStarted) or not isinstance(answer.reason, Raised):
            yield answer
            continue
        error, traceback = answer.reason.error, answer.reason.traceback
        room -= len(error) + len(traceback)
        reason = Raised(error, traceback) if room > 0 else Raised(error[:_ERROR_CHARS])
        yield NotStarted(reason)
