"""Log the events of a node as they happen."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

    from otpy.aio.client.node import Node


async def log_events(
    node: "Node", logger: "Logger | str" = "otpy.events", *, past: bool = False
) -> None:
    """Log the events of a node by `logging`, until the node ends or is closed.

    The level is that of the kind: restarts, failed starts and ends that are not clean are WARNING,
    a supervisor that gives up and a child that stays down are ERROR, what is about to be are DEBUG,
    all else is INFO. A record has the time of the event, and each of its fields as an attribute
    with ``otpy_`` before its name, such as ``otpy_path`` and ``otpy_reason``; ``otpy_event`` is its
    kind.

    Args:
        node: The node.
        logger: A logger, or its name.
        past: Whether to begin with the events so far, as many as the node keeps.

    Raises:
        NodeNotFound: The node is gone when the first event is asked for.
    """
    from otpy.client.event_logging import log_event, logger_of  # noqa: PLC0415 - few log events

    target = logger_of(logger)
    known = 0
    if not past:
        async for event in node.events():
            known = event.seq
    async for event in node.events(follow=True, after=None if past else known):
        log_event(event, target)
