"""Convert what the core reports to published events, with a path, a time and the limits."""

import time
from collections.abc import Callable
from typing import Any, assert_never

from otpy import events
from otpy.core.exits import ExitReason, Raised
from otpy.core.messages import (
    Added,
    Arranged,
    AutoShutdownBegan,
    BackingOff,
    EssentialEnded,
    Failed,
    Removed,
    Replacing,
    Report,
    Restarting,
    StaysDown,
    TooManyRestarts,
)
from otpy.core.spec import SupervisorSpec, kind_of
from otpy.events import (
    AutoShutdown,
    ChildAdded,
    ChildBackingOff,
    ChildFailed,
    ChildRemoved,
    ChildrenArranged,
    ChildrenDeclared,
    ChildReplacing,
    ChildRestarting,
    ChildStartFailed,
    ChildStopped,
    Event,
    GaveUp,
)


def declared(path: str, spec: SupervisorSpec) -> Event:
    """Return which children the supervisor at `path` is about to start."""
    children = tuple([(child.id, kind_of(child)) for child in spec.children])
    return ChildrenDeclared(at=time.time(), path=path, children=children)


def published(  # noqa: PLR0911 - one of each kind
    report: Report, path: str, spec: SupervisorSpec, path_of: Callable[[str], str]
) -> Event:
    """Turn what the supervisor at `path` decided into an event."""
    now = time.time()
    match report:
        case Restarting() | BackingOff() | Failed() | TooManyRestarts():
            return _of_an_end(report, path, spec, path_of)
        case Replacing(child=id_, reason=reason) | EssentialEnded(child=id_, reason=reason):
            kind = ChildReplacing if isinstance(report, Replacing) else events.EssentialEnded
            return kind(at=now, path=path_of(id_), reason=str(reason))
        case StaysDown(child=id_):
            return ChildStopped(at=now, path=path_of(id_))
        case AutoShutdownBegan(child=id_):
            return AutoShutdown(at=now, path=path, child=id_)
        case Added(spec=child):
            return ChildAdded(at=now, path=path_of(child.id), kind=kind_of(child))
        case Removed(child=id_, once=once):
            return ChildRemoved(at=now, path=path_of(id_), once=once)
        case Arranged(children=ids):
            return ChildrenArranged(at=now, path=path, children=ids)
        case _:
            assert_never(report)


def _of_an_end(
    report: Restarting | BackingOff | Failed | TooManyRestarts,
    path: str,
    spec: SupervisorSpec,
    path_of: Callable[[str], str],
) -> Event:
    """Return what follows from the end of a child, or from its start that failed."""
    limit, at = report.own_intensity or spec.intensity, time.time()
    about: dict[str, Any] = {
        "at": at,
        "path": path_of(report.child),
        "reason": str(report.reason),
        "restarts": report.restarts,
        "max_restarts": limit.max_restarts,
        "max_seconds": limit.max_seconds,
    }
    match report:
        case Restarting():
            return ChildRestarting(**about)
        case TooManyRestarts(child=child):
            return GaveUp(**about | {"path": path}, child=child)
        case Failed():
            return ChildFailed(**about)
        case BackingOff(child=child, waits_for=leader, seconds=wait):
            waits_for = "" if leader == child else path_of(leader)
            return ChildBackingOff(**about, wait=wait, retry_at=at + wait, waits_for=waits_for)


def start_failed(path: str, incarnation: int, reason: ExitReason) -> ChildStartFailed:
    """Return the event of a start that failed."""
    return ChildStartFailed(
        at=time.time(),
        path=path,
        incarnation=incarnation,
        reason=str(reason),
        traceback=reason.traceback if isinstance(reason, Raised) else "",
    )
