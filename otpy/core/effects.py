"""What a change of a field of a spec does to the process that runs: said next to its type.

``shutdown: Annotated[ShutdownBudget, LIVE]`` in `otpy.core.spec` is all that has to be written:
`otpy.core.changes` reads it there, and so does the table in the documentation.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints


class Effect(StrEnum):
    """What a change of a field does, the least first.

    Attributes:
        PARTS: Nothing by itself: the fields of its value say what each of them does.
        LIVE: The process goes on, with its pid and state: the new value holds from now on, or from
            the next time on that it is needed, such as the next start or stop.
        RESTART: The child is stopped and started again with the new spec. It stays the same child:
            its place, its name, its number of incarnations and its history go on.
        RECREATE: The child is removed, and another one is added in its place: it is of another
            kind, and what its children were is gone.
    """

    PARTS = "parts"
    LIVE = "live"
    RESTART = "restart"
    RECREATE = "recreate"

    @property
    def rank(self) -> int:
        """How much it does; a change of several fields does the most that one of them does."""
        return _RANKS[self]


_RANKS: Final = {effect: number for number, effect in enumerate(Effect)}

PARTS: Final = Effect.PARTS
LIVE: Final = Effect.LIVE
RESTART: Final = Effect.RESTART
RECREATE: Final = Effect.RECREATE


@dataclass(frozen=True, slots=True)
class Alters:
    """Another effect of those changes of a field that alter a property of its value.

    Attributes:
        effect: Of these changes.
        trait: Returns the property of a value.
        when: Which changes these are, in words.
    """

    effect: Effect
    trait: Callable[[Any], object]
    when: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The effect of the changes of one field: always, or but for some."""

    effect: Effect
    alters: Alters | None = None

    def of(self, old: object, new: object) -> Effect:
        """Return the effect of the change of a value into another one."""
        if self.alters is not None and self.alters.trait(old) != self.alters.trait(new):
            return self.alters.effect
        return self.effect


@functools.cache
def rules_of(record: type) -> Mapping[str, Rule]:
    """Return the rules of a dataclass by the names of its fields.

    Raises:
        TypeError: A field has none.
    """
    hints = get_type_hints(record, include_extras=True)
    return {each.name: _rule(record, each.name, hints[each.name]) for each in fields(record)}


def _rule(record: type, name: str, hint: object) -> Rule:
    said = get_args(hint)[1:]
    found = [each for each in said if isinstance(each, Effect)]
    alters = [each for each in said if isinstance(each, Alters)]
    if len(found) != 1:
        raise TypeError(f"{record.__name__}.{name} does not say what a change of it does")
    return Rule(found[0], alters[0] if alters else None)
