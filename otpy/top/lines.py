"""Which lines there are to show, and in which order: the tree, folded, filtered or sorted."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from otpy.cli.render import duration, elapsed
from otpy.cli.statistics_view import ORDERS, Load, ordered


class View(NamedTuple):
    """What the user has chosen.

    Attributes:
        sort: One of `ORDERS`; in the order ``tree`` the tree is drawn.
        pattern: What is to be found in the name or the state; empty for all.
        folded: The paths of supervisors whose children are not shown.
    """

    sort: str = "tree"
    pattern: str = ""
    folded: frozenset[str] = frozenset()

    def with_next_order(self, step: int) -> "View":
        """Return the view in the next order, or the one before."""
        place = ORDERS.index(self.sort) + step
        return self._replace(sort=ORDERS[place % len(ORDERS)])

    def toggled(self, path: str) -> "View":
        """Return the view with the children of a supervisor hidden, or shown again."""
        return self._replace(folded=self.folded ^ {path})


class Line(NamedTuple):
    """A line of the table.

    Attributes:
        load: The process, and what it does.
        name: What stands in its first column.
        hidden: How many processes below it are not shown; None if it has none.
    """

    load: Load
    name: str
    hidden: int | None = None


def lines_of(loads: Sequence[Load], view: View) -> list[Line]:
    """Return what is to be shown of the processes, which come in the order of the tree."""
    if view.pattern:
        loads = _found(loads, view.pattern.lower(), with_parents=view.sort == "tree")
    if view.sort != "tree":
        return [Line(load, load.name) for load in ordered(loads, view.sort)]
    folded = frozenset[str]() if view.pattern else view.folded
    return list(_drawn(loads, folded))


def _found(loads: Sequence[Load], pattern: str, *, with_parents: bool) -> list[Load]:
    found = {each.path for each in loads if pattern in f"{each.name} {state_of(each)}".lower()}
    parents = {parent for path in found for parent in _above(path)} if with_parents else set()
    return [load for load in loads if load.path in found or load.path in parents]


def _above(path: str) -> Iterator[str]:
    """Yield the paths of the supervisors above a process."""
    while path and not path.startswith("@"):
        path = path.rpartition("/")[0]
        yield path


def _drawn(loads: Sequence[Load], folded: frozenset[str]) -> Iterator[Line]:
    below = _counts(loads)
    hidden_in: str | None = None
    for load in loads:
        if hidden_in is not None and _is_below(load.path, hidden_in):
            continue
        count = below.get(load.path)
        is_folded = load.path in folded and count is not None
        hidden_in = load.path if is_folded else None
        sign = " " if count is None else "+" if is_folded else "-"
        name = load.path.rpartition("/")[2] or load.name
        text = f"{'  ' * _depth(load.path)}{sign} {name}"
        yield Line(load, f"{text} ({count})" if is_folded else text, count if is_folded else None)


def _counts(loads: Sequence[Load]) -> dict[str, int]:
    """Return how many processes there are below each supervisor that has any."""
    counts: dict[str, int] = {}
    for load in loads:
        for path in _above(load.path):
            counts[path] = counts.get(path, 0) + 1
    return counts


def _depth(path: str) -> int:
    return path.count("/") + 1 if path and not path.startswith("@") else 0


def _is_below(path: str, top: str) -> bool:
    if path.startswith("@"):
        return False
    return bool(path) if not top else path.startswith(f"{top}/")


def state_of(load: Load) -> str:
    """Return the state in a word: a server that runs may be suspended."""
    return "suspended" if load.suspended and load.state == "running" else load.state


def state_text(load: Load, now: float) -> str:
    """Return the state, and of one in backoff when it is tried again; `now` is Unix time."""
    if load.state == "backoff" and load.retry_at is not None:
        return f"backoff {elapsed(max(load.retry_at - now, 0))}"
    return state_of(load)


def uptime_text(load: Load, now: float) -> str:
    """Return for how long it has run; `now` is Unix time."""
    return "-" if load.started_at is None else duration(now - load.started_at)
