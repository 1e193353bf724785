"""The incarnation numbers of everything below a supervisor's children, as the events tell them."""

from collections.abc import Iterable

from otpy.core.numbers import Numbers
from otpy.events import ChildEnded, ChildRemoved, ChildStarting, Event
from otpy.wire.paths import child_path


class SubtreeNumbers:
    """The incarnation numbers below a supervisor, for its next incarnation.

    Children that were added by `start_child` are lost with their supervisor, but not their
    numbers: a caller may still wait for one of them, and one of that name may come again.

    Args:
        gone: The numbers, by path, of what has gone before.
    """

    def __init__(self, gone: Numbers) -> None:
        self._gone = gone
        self._present: dict[str, int] = {}

    def note(self, events: Iterable[Event]) -> None:
        """Note of what happened below a child."""
        for event in events:
            match event:
                case ChildStarting(path=path, incarnation=number):
                    self._present[path] = number
                case ChildRemoved(path=path, once=True):
                    self._present.pop(path, None)
                case ChildRemoved(path=path) if (number := self._present.pop(path, 0)) > 0:
                    self._gone = self._gone.with_gone({path: number})
                case ChildEnded(path=path, kind="supervisor"):
                    self.lose(path)
                case _:
                    pass

    def lose(self, path: str) -> None:
        """Note that the supervisor at `path` has ended, and all below it with it."""
        below = child_path(path, "")
        lost = {name: n for name, n in self._present.items() if name.startswith(below)}
        if lost:
            self._gone = self._gone.with_gone(lost)
            self._present = {name: n for name, n in self._present.items() if name not in lost}

    def of(self, path: str) -> Numbers:
        """Return the numbers of what has been below the supervisor at `path`, by path."""
        below = child_path(path, "")
        gone = {name: n for name, n in self._gone.last.items() if name.startswith(below)}
        return Numbers(gone, self._gone.floor)


def numbers_of_children(path: str, numbers: Numbers) -> Numbers:
    """Return those of the children of the supervisor at `path`, by id."""
    own = numbers.below(child_path(path, ""))
    return Numbers({id_: n for id_, n in own.last.items() if "/" not in id_}, own.floor)
