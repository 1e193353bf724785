"""Convert what the core reports to published events, with a path, a time and the limits."""

import time
from collections.abc import Callable
from typing import assert_never

from otpy.core.exits import ExitReason, Raised
from otpy.core.messages import (
    Added,
    AutoShutdownBegan,
    Removed,
    Report,
    Restarting,
    TooManyRestarts,
)
from otpy.core.spec import SupervisorSpec, kind_of
from otpy.events import (
    AutoShutdown,
    ChildAdded,
    ChildRemoved,
    ChildrenDeclared,
    ChildRestarting,
    ChildStartFailed,
    Event,
    GaveUp,
)


def declared(path: str, spec: SupervisorSpec) -> Event:
    """Return which children the supervisor at `path` is about to start."""
    children = tuple([(child.id, kind_of(child)) for child in spec.children])
    return ChildrenDeclared(at=time.time(), path=path, children=children)


def published(
    report: Report, path: str, spec: SupervisorSpec, path_of: Callable[[str], str]
) -> Event:
    """Turn what the supervisor at `path` decided into an event."""
    now = time.time()
    limit = spec.intensity
    match report:
        case Restarting(child=id_, reason=reason, restarts=restarts):
            limit = report.own_limit or limit
            return ChildRestarting(
                at=now,
                path=path_of(id_),
                reason=str(reason),
                restarts=restarts,
                max_restarts=limit.max_restarts,
                max_seconds=limit.max_seconds,
            )
        case TooManyRestarts(child=id_, reason=reason, restarts=restarts):
            return GaveUp(
                at=now,
                path=path,
                child=id_,
                reason=str(reason),
                restarts=restarts,
                max_restarts=limit.max_restarts,
                max_seconds=limit.max_seconds,
            )
        case AutoShutdownBegan(child=id_):
            return AutoShutdown(at=now, path=path, child=id_)
        case Added(spec=child):
            return ChildAdded(at=now, path=path_of(child.id), kind=kind_of(child))
        case Removed(child=id_, once=once):
            return ChildRemoved(at=now, path=path_of(id_), once=once)
        case _:
            assert_never(report)


def start_failed(path: str, incarnation: int, reason: ExitReason) -> ChildStartFailed:
    """Return the event of a start that failed."""
    return ChildStartFailed(
        at=time.time(),
        path=path,
        incarnation=incarnation,
        reason=str(reason),
        traceback=reason.traceback if isinstance(reason, Raised) else "",
    )
