"""Whom a restart takes along, and in which order groups stop and start."""

from collections.abc import Iterable, Sequence

from otpy.core.spec import Strategy


def affected(strategy: Strategy, children: Sequence[str], failed: str) -> tuple[str, ...]:
    """List, in start order, the children that are started again when `failed` is.

    Source: supervisor.erl, ``restart/3``.
    """
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return (failed,)
        case Strategy.REST_FOR_ONE:
            return tuple(children[children.index(failed) :])
        case Strategy.ONE_FOR_ALL:
            return tuple(children)


def stop_order(children: Iterable[str]) -> tuple[str, ...]:
    """Put children in the order they are stopped in."""
    # Latest first: a later child may use an earlier one, never the other way
    # round (OTP design principles, "Supervisor Behaviour").
    return tuple(reversed(tuple(children)))
