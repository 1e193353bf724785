"""What a supervisor answers to start_child and its siblings (supervisor.erl, ``handle_call``)."""

from typing import assert_never

from otpy.core.messages import (
    Added,
    ChildCounts,
    Children,
    ChildRow,
    CountChildren,
    DeleteChild,
    Denied,
    Done,
    GetChildSpec,
    Request,
    RestartChild,
    StartChild,
    StartCopy,
    TerminateChild,
    TerminateChildren,
    WhichChildren,
)
from otpy.core.spec import ChildSpec, bad_combination
from otpy.core.state import Child, StartingOne, Status, StoppingOne
from otpy.core.template import copy_of
from otpy.core.transition import Turn

STATES = {
    Status.RUNNING: "running",
    Status.ENDED: "running",  # the supervisor has not come to its end yet
    Status.RESTARTING: "restarting",
}


def serve(turn: Turn, token: int, request: Request) -> None:
    """Answer `request`, or begin the work that ends with the answer."""
    match request:
        case StartChild(taken=taken) | StartCopy(taken=taken) if taken:
            turn.reply(token, Denied("already_started", taken))
        case StartChild() if turn.spec.template is not None:
            detail = "its children are made from its template; expected args and id only"
            turn.reply(token, Denied("bad_combination", detail))
        case StartChild(spec=spec, once=once):
            _start_child(turn, token, spec, once=once)
        case StartCopy():
            _start_copy(turn, token, request)
        case WhichChildren():
            turn.reply(token, _which_children(turn))
        case CountChildren():
            turn.reply(token, _count_children(turn))
        case TerminateChildren(ids=ids):
            turn.stop_some(token, ids)
        case TerminateChild() | RestartChild() | DeleteChild() | GetChildSpec():
            child = turn.children.get(request.id)
            if child is None:
                turn.reply(token, Denied("not_found"))
            else:
                _about_child(turn, token, request, child)
        case _:
            assert_never(request)


def _start_child(turn: Turn, token: int, spec: ChildSpec, *, once: bool = False) -> None:
    present = turn.children.get(spec.id)
    if detail := bad_combination(spec, turn.spec.auto_shutdown):
        turn.reply(token, Denied("bad_combination", detail))
    elif present is None and _is_full(turn):
        detail = f"{len(turn.children)} of {turn.spec.max_children} children"
        turn.reply(token, Denied("max_children", detail))
    elif present is None:
        turn.put(Child(spec, once=once))
        turn.emit(Added(spec))
        turn.begin(StartingOne(token, spec.id, added=True), start=(spec.id,))
    elif STATES.get(present.status) == "running":
        turn.reply(token, Denied("already_started"))
    else:
        turn.reply(token, Denied("already_present"))


def _start_copy(turn: Turn, token: int, request: StartCopy) -> None:
    template = turn.spec.template
    if template is None:
        detail = "it has no template; expected one of start, command or children"
        turn.reply(token, Denied("bad_combination", detail))
        return
    id_ = request.id if request.id is not None else f"{template.id}-{turn.made + 1}"
    spec = copy_of(template, id_, request)
    if isinstance(spec, Denied):
        turn.reply(token, spec)
    else:
        _start_child(turn, token, spec)


def _is_full(turn: Turn) -> bool:
    limit = turn.spec.max_children
    return limit is not None and len(turn.children) >= limit


def _about_child(
    turn: Turn,
    token: int,
    request: TerminateChild | RestartChild | DeleteChild | GetChildSpec,
    child: Child,
) -> None:
    match request:
        case GetChildSpec():
            turn.reply(token, child.spec)
        case TerminateChild(id=id_):
            turn.begin(StoppingOne(token, id_), stop=(id_,))
        case _ if child.status in STATES:
            turn.reply(token, Denied(STATES[child.status]))
        case RestartChild(id=id_):
            turn.begin(StartingOne(token, id_, added=False), start=(id_,))
        case DeleteChild(id=id_):
            turn.remove(id_)
            turn.reply(token, Done(id_))


def _which_children(turn: Turn) -> Children:
    return Children(
        tuple(
            ChildRow(id_, STATES.get(child.status, "undefined"), _kind(child), child.incarnation)
            for id_, child in reversed(tuple(turn.children.items()))
        )
    )


def _count_children(turn: Turn) -> ChildCounts:
    children = turn.children.values()
    supervisors = sum(child.spec.is_supervisor for child in children)
    active = sum(child.status is Status.RUNNING for child in children)
    return ChildCounts(len(children), active, supervisors, len(children) - supervisors)


def _kind(child: Child) -> str:
    return "supervisor" if child.spec.is_supervisor else "worker"
