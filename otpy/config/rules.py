"""Check what concerns several fields: depth, keys, ids among siblings, significance.

They are checked on the plain data, so that they are told beside the mistakes of single fields.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from otpy.config import socket_rules
from otpy.config.mistakes import Loc, Mistake, quotes_help, show
from otpy.core.spec import (
    AutoShutdown,
    ChildSpec,
    CommandStart,
    Restart,
    Strategy,
    bad_combination,
)

MAX_DEPTH = 50
"""Supervisors below each other; each is a process that waits for the one below."""

Mapping: TypeAlias = dict[Any, Any]

_ONLY_DYNAMIC: Final = {"max_children", "template"}


def children(at: Loc, supervisor: Mapping) -> Iterator[tuple[Loc, Mapping]]:
    """Yield those children of one supervisor that are mappings, in order."""
    listed = supervisor.get("children")
    for i, child in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(child, dict):
            yield (*at, "children", i), child


def descendants(top: Mapping) -> Iterator[tuple[Loc, Mapping]]:
    """Yield every mapping of the tree with its place, the top first, a parent before its child."""
    waiting: list[tuple[Loc, Mapping]] = [((), top)]
    while waiting:
        at, mapping = waiting.pop()
        yield at, mapping
        waiting += reversed(list(children(at, mapping)))


def templates(top: Mapping) -> Iterator[tuple[Loc, Mapping]]:
    """Yield every template of the tree with its place."""
    for at, mapping in descendants(top):
        if isinstance(template := mapping.get("template"), dict):
            yield (*at, "template"), template


def too_deep(top: Mapping) -> list[Mistake]:
    """Find where supervisors are nested too deep; nothing else may walk such data."""
    level: list[tuple[Loc, Mapping]] = [((), top)]
    for _ in range(MAX_DEPTH):
        level = [child for at, mapping in level for child in children(at, mapping)]
    text = f"supervisors nested over {MAX_DEPTH} deep, expected at most {MAX_DEPTH}"
    return [Mistake((*at, "children"), text, True) for at, child in level if "children" in child]


def check(top: Mapping) -> Iterator[Mistake]:
    """Find every breach in the tree below and including `top`."""
    for at, mapping in templates(top):
        yield from _keys(at, mapping)
        yield from _spare(at, mapping)
        yield from socket_rules.same_descriptor(at, mapping)
    yield from _unique_names(top)
    yield from socket_rules.unique(list(descendants(top)))
    for at, mapping in descendants(top):
        yield from _keys(at, mapping)
        yield from _spare(at, mapping)
        yield from socket_rules.same_descriptor(at, mapping)
        below = list(children(at, mapping))
        yield from _unique_ids(below)
        yield from _significance(mapping, below)
        yield from _dynamics(at, mapping)


def of_whole_tree(top: Mapping) -> Iterator[Mistake]:
    """Find the breaches of what holds for a whole tree, and not for a child that is added."""
    yield from no_children(top)
    yield from socket_rules.unknown(top)


def of_added_child(child: Mapping) -> Iterator[Mistake]:
    """Find what a child that is added to a node that runs may not have."""
    for at, mapping in descendants(child):
        yield from socket_rules.of_added(at, mapping)


def no_children(top: Mapping) -> Iterator[Mistake]:
    """Find out whether a whole tree lacks the children that only a dynamic one can lack."""
    if "children" not in top and top.get("strategy") != Strategy.DYNAMIC:
        yield Mistake((), "children is missing, expected a list of children, [] for none")


def _keys(at: Loc, mapping: Mapping) -> Iterator[Mistake]:
    for key in mapping:
        if not isinstance(key, str):
            text = f"got the key {show(key)}, expected a string{quotes_help(key)}"
            yield Mistake((*at, key), text, on_key=True)


def _spare(at: Loc, child: Mapping) -> Iterator[Mistake]:
    """Find a spare of a child that is never restarted."""
    spare = child.get("spare")
    if spare and isinstance(spare, int) and child.get("restart") == Restart.TEMPORARY:
        text = f"got {show(spare)}, but a temporary child is never restarted, expected 0"
        yield Mistake((*at, "spare"), text)


def _unique_ids(siblings: Iterable[tuple[Loc, Mapping]]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for at, child in siblings:
        id_ = child.get("id")
        if not isinstance(id_, str):
            continue
        if id_ in seen:
            text = f"got {show(id_)} again, expected an id that is unique among its siblings"
            yield Mistake((*at, "id"), text)
        seen.add(id_)


def _unique_names(top: Mapping) -> Iterator[Mistake]:
    seen: set[str] = set()
    for at, mapping in descendants(top):
        name = mapping.get("name")
        if not at or not isinstance(name, str):
            continue  # at the top it is the node's
        if name in seen:
            text = f"got {show(name)} again, expected a name that is unique in the tree"
            yield Mistake((*at, "name"), text)
        seen.add(name)


def _significance(
    supervisor: Mapping, siblings: Iterable[tuple[Loc, Mapping]]
) -> Iterator[Mistake]:
    auto_shutdown = supervisor.get("auto_shutdown", AutoShutdown.NEVER)
    if auto_shutdown not in list(AutoShutdown):
        return
    for at, child in siblings:
        restart = child.get("restart", Restart.PERMANENT)
        if child.get("significant") is not True or restart not in list(Restart):
            continue
        if "instances" in child:
            restart = Restart.PERMANENT  # as the supervisor of the instances is
        spec = ChildSpec("", CommandStart(()), Restart(restart), significant=True)
        if why := bad_combination(spec, AutoShutdown(auto_shutdown)):
            yield Mistake((*at, "significant"), f"got true, but {why}")


def _dynamics(at: Loc, supervisor: Mapping) -> Iterator[Mistake]:
    strategy = supervisor.get("strategy", Strategy.ONE_FOR_ONE)
    if strategy == Strategy.DYNAMIC:
        if isinstance(listed := supervisor.get("children"), list) and listed:
            text = "got a list, but a dynamic supervisor starts without children, expected []"
            yield Mistake((*at, "children"), text)
        auto_shutdown = supervisor.get("auto_shutdown", AutoShutdown.NEVER)
        if auto_shutdown in list(AutoShutdown) and auto_shutdown != AutoShutdown.NEVER:
            text = f"got {show(auto_shutdown)}, expected never with strategy 'dynamic'"
            yield Mistake((*at, "auto_shutdown"), text)
        yield from _template(at, supervisor)
    elif "children" in supervisor and strategy in list(Strategy):
        for key in _ONLY_DYNAMIC & supervisor.keys():
            text = f"{key!r} with strategy {show(strategy)}, expected only with 'dynamic'"
            yield Mistake((*at, key), text, on_key=True)


def _template(at: Loc, supervisor: Mapping) -> Iterator[Mistake]:
    at = (*at, "template")
    template = supervisor.get("template")
    if isinstance(template, dict):
        yield from _significance({}, [(at, template)])
        if template.get("essential") is True:
            text = "got true, expected false: of many children none is essential"
            yield Mistake((*at, "essential"), text)
    elif template is None and "template" in supervisor:
        yield Mistake(at, "got nothing, expected a mapping with one of start or command")
