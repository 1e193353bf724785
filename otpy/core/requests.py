"""Serve start_child and the other requests of supervisors (supervisor.erl, ``handle_call``)."""

from dataclasses import replace
from typing import assert_never

from otpy.core.intensity import RestartLog
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
    GetSpec,
    Reload,
    Request,
    RestartChild,
    StartChild,
    StartCopy,
    TerminateChild,
    TerminateChildren,
    WhichChildren,
)
from otpy.core.placement import placed
from otpy.core.reload import begin_reload
from otpy.core.spec import ChildSpec, SupervisorSpec, bad_combination
from otpy.core.state import Child, StartingOne, Status, StoppingOne, spec_of
from otpy.core.template import copy_of
from otpy.core.transition import Transition

STATES = {
    Status.RUNNING: "running",
    Status.ENDED: "running",  # the supervisor has not come to its end yet
    Status.RESTARTING: "restarting",
    Status.BACKOFF: "backoff",
    Status.FAILED: "failed",
}


def serve(transition: Transition, token: int, request: Request | Reload) -> None:
    """Answer `request`, or begin the work that ends with the answer."""
    match request:
        case StartChild(taken=taken) | StartCopy(taken=taken) if taken:
            transition.reply(token, Denied("already_started", taken))
        case StartChild() if transition.spec.template is not None:
            detail = "its children are made from its template; expected args and id only"
            transition.reply(token, Denied("bad_combination", detail))
        case StartChild(spec=spec, once=once):
            _start_child(transition, token, spec, once=once)
        case StartCopy():
            _start_copy(transition, token, request)
        case Reload():
            begin_reload(transition, token, request)
        case GetSpec() | WhichChildren() | CountChildren():
            transition.reply(token, _about_all(transition, request))
        case TerminateChildren(ids=ids):
            transition.stop_some(token, ids)
        case TerminateChild() | RestartChild() | DeleteChild() | GetChildSpec():
            child = transition.children.get(request.id)
            if child is None:
                transition.reply(token, Denied("not_found"))
            else:
                _about_child(transition, token, request, child)
        case _:
            assert_never(request)


def _start_child(
    transition: Transition, token: int, spec: ChildSpec, *, once: bool = False
) -> None:
    present = transition.children.get(spec.id)
    if detail := bad_combination(spec, transition.spec.auto_shutdown):
        transition.reply(token, Denied("bad_combination", detail))
    elif present is None and _is_full(transition):
        detail = f"{len(transition.children)} of {transition.spec.max_children} children"
        transition.reply(token, Denied("max_children", detail))
    elif present is None:
        spec = placed(spec, transition.spec, transition.spec.folder)
        spec = replace(spec, by_hand=not transition.spec.is_dynamic)
        transition.put(Child(spec, once=once))
        transition.emit(Added(spec))
        transition.begin(StartingOne(token, spec.id, added=True), start=(spec.id,))
    elif STATES.get(present.status) == "running":
        transition.reply(token, Denied("already_started"))
    else:
        transition.reply(token, Denied("already_present"))


def _start_copy(transition: Transition, token: int, request: StartCopy) -> None:
    template = transition.spec.template
    if template is None:
        detail = "it has no template; expected one of start, command or children"
        transition.reply(token, Denied("bad_combination", detail))
        return
    id_ = request.id if request.id is not None else f"{template.id}-{transition.made + 1}"
    spec = copy_of(template, id_, request)
    if isinstance(spec, Denied):
        transition.reply(token, spec)
    else:
        _start_child(transition, token, spec)


def _is_full(transition: Transition) -> bool:
    limit = transition.spec.max_children
    return limit is not None and len(transition.children) >= limit


def _about_child(
    transition: Transition,
    token: int,
    request: TerminateChild | RestartChild | DeleteChild | GetChildSpec,
    child: Child,
) -> None:
    match request:
        case GetChildSpec():
            transition.reply(token, child.spec)
        case TerminateChild(id=id_):
            transition.begin(StoppingOne(token, id_), stop=(id_,))
        case RestartChild() if child.status in (Status.BACKOFF, Status.FAILED):
            _start_anew(transition, token, child)
        case DeleteChild() if child.status is Status.BACKOFF:
            transition.reply(token, Denied("restarting"))
        case _ if child.status in STATES and child.status is not Status.FAILED:
            transition.reply(token, Denied(STATES[child.status]))
        case RestartChild(id=id_):
            transition.begin(StartingOne(token, id_, added=False), start=(id_,))
        case DeleteChild(id=id_):
            transition.remove(id_)
            _forget_in_spec(transition, child)
            transition.reply(token, Done(id_))


def _forget_in_spec(transition: Transition, child: Child) -> None:
    """Leave a deleted child out of the supervisor's own spec: see `spec_of`."""
    if not child.spec.by_hand:
        spec = transition.spec
        left = tuple([each for each in spec.children if each.id != child.spec.id])
        transition.spec = replace(spec, children=left)


def _start_anew(transition: Transition, token: int, child: Child) -> None:
    """Start a child that has failed, or that waits with its group, as if it had never failed."""
    id_ = child.spec.id
    group = transition.waiting_for(child.waits_for) if child.waits_for else [child]
    for each in group:
        rested = transition.rested(each)
        transition.put(replace(rested, status=Status.UNDEFINED, wait=None, restarts=RestartLog()))
    purpose = StartingOne(token, id_, added=False, was=child.status)
    transition.begin(purpose, start=tuple(each.spec.id for each in group))


def _about_all(
    transition: Transition, request: GetSpec | WhichChildren | CountChildren
) -> SupervisorSpec | Children | ChildCounts:
    match request:
        case GetSpec():
            return spec_of(transition.result())
        case WhichChildren():
            return _which_children(transition)
        case CountChildren():
            return _count_children(transition)


def _which_children(transition: Transition) -> Children:
    return Children(
        tuple(
            [
                ChildRow(
                    id_, STATES.get(child.status, "undefined"), _kind(child), child.incarnation
                )
                for id_, child in reversed(tuple(transition.children.items()))
            ]
        )
    )


def _count_children(transition: Transition) -> ChildCounts:
    children = transition.children.values()
    supervisors = sum(child.spec.is_supervisor for child in children)
    active = sum(child.status is Status.RUNNING for child in children)
    return ChildCounts(len(children), active, supervisors, len(children) - supervisors)


def _kind(child: Child) -> str:
    return "supervisor" if child.spec.is_supervisor else "worker"
