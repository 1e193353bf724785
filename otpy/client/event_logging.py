"""From events to records of `logging`."""

import logging
from typing import Final

import msgspec

from otpy.events import (
    AutoShutdown,
    ChildBackingOff,
    ChildEnded,
    ChildFailed,
    ChildrenArranged,
    ChildrenDeclared,
    ChildRestarting,
    ChildStartFailed,
    ChildStarting,
    ChildStopping,
    EssentialEnded,
    Event,
    EventHandlerFailed,
    EventsLost,
    FilesRestored,
    GaveUp,
    NameTaken,
    NodeRestarted,
    NodeStopped,
    ReloadFailed,
    SparesChanged,
)

_QUIET: Final = (
    *(ChildrenDeclared, ChildrenArranged, ChildStarting, ChildStopping),
    *(NameTaken, SparesChanged),
)
_WARNINGS: Final = (
    *(AutoShutdown, ChildBackingOff, ChildRestarting, ChildStartFailed),
    *(EssentialEnded, EventHandlerFailed, EventsLost, FilesRestored, NodeRestarted),
)
_ERRORS: Final = (ChildFailed, GaveUp, ReloadFailed)


def level_of(event: Event) -> int:
    """Return the level at which an event is logged."""
    match event:
        case NodeStopped(reason=reason):
            return logging.INFO if reason == "in order" else logging.ERROR
        case ChildEnded(clean=clean, asked=asked):
            return logging.INFO if clean or asked else logging.WARNING
        case _ if isinstance(event, _ERRORS):
            return logging.ERROR
        case _ if isinstance(event, _WARNINGS):
            return logging.WARNING
    return logging.DEBUG if isinstance(event, _QUIET) else logging.INFO


def logger_of(logger: logging.Logger | str) -> logging.Logger:
    """Return a logger that is given itself or by its name."""
    return logging.getLogger(logger) if isinstance(logger, str) else logger


def log_event(event: Event, logger: logging.Logger) -> None:
    """Log an event: its text, at the time at which it was published, its fields as attributes."""
    level = level_of(event)
    if not logger.isEnabledFor(level):
        return
    # With otpy_ before them: logging has a name and a message of its own.
    fields = {f"otpy_{name}": value for name, value in msgspec.structs.asdict(event).items()}
    record = logger.makeRecord(
        logger.name,
        level,
        "",
        0,
        str(event),
        (),
        None,
        extra={"otpy_event": type(event).__name__, **fields},
    )
    record.created = event.at
    record.msecs = event.at % 1 * 1000
    logger.handle(record)
