"""Which children a restart starts again and includes, and in which order groups stop and start."""

from collections.abc import Iterable

from otpy.core.exits import ExitReason, Recycled, is_clean
from otpy.core.spec import Essential, Restart, Strategy


def should_restart(policy: Restart, reason: ExitReason) -> bool:
    """Return whether a child that ended with `reason` is started again (``do_restart``).

    One that was recycled is replaced, unless it is temporary: its end was not its own.
    """
    match policy:
        case Restart.PERMANENT:
            return True
        case Restart.TRANSIENT:
            return not is_clean(reason) or isinstance(reason, Recycled)
        case Restart.TEMPORARY:
            return False


def ends_node(essential: Essential, policy: Restart, reason: ExitReason) -> bool:
    """Return whether a child that ended by itself, with `reason`, ends the node with it."""
    match essential:
        case Essential.NO:
            return False
        case Essential.ANY_END:
            return not isinstance(reason, Recycled)
        case Essential.LAST_END:
            return not should_restart(policy, reason)


def affected(strategy: Strategy, children: Iterable[str], failed: str) -> tuple[str, ...]:
    """List, in start order, the children that are started again when `failed` is.

    Source: supervisor.erl, ``restart/3``.
    """
    if strategy in (Strategy.ONE_FOR_ONE, Strategy.DYNAMIC):
        return (failed,)
    group = tuple(children)
    return group[group.index(failed) :] if strategy is Strategy.REST_FOR_ONE else group


def stop_order(children: Iterable[str]) -> tuple[str, ...]:
    """Put children in the order they are stopped in."""
    # Latest first: a later child may use an earlier one, never the other way
    # round (OTP design principles, "Supervisor Behaviour").
    return tuple(children)[::-1]
