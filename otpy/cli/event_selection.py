"""Select the events that `otpy events` prints, and find the file of a node that does not run."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otpy.cli.names import ROOT
from otpy.errors import NodeNotFound, NoProcess
from otpy.system.nodedir import NodeDir, can_be_name, node_names, runtime_dir

if TYPE_CHECKING:
    from otpy.events import Event


def event_file_of(name: str | None, why: NodeNotFound) -> Path:
    """Return the file of a node that does not run.

    Args:
        name: The node's; None for the only one that ever ran.
        why: Why it cannot be connected to.

    Raises:
        NodeNotFound: It does run, or has left no file; or several have, and no name was given.
        RuntimeDirError: The directory of the nodes cannot be used.
    """
    running = node_names()
    if running and (name is None or name in running):
        raise why
    if name is None:
        name = _only_one()
    if not can_be_name(name):
        raise why
    file = NodeDir(name).events
    if not file.exists():
        raise NodeNotFound(f"{why}; it has left no {file}")
    return file


def _only_one() -> str:
    directory = runtime_dir()
    names = sorted(path.parent.name for path in directory.glob("*/events.jsonl"))
    if not names:
        raise NodeNotFound(f"no node runs, or ever ran, in {directory}; start one with `otpy run`")
    if len(names) > 1:
        ran = f"{len(names)} ran: {', '.join(names)}"
        raise NodeNotFound(f"no node runs; {ran}; pick one, as in `otpy -n {names[0]} events`")
    return names[0]


class Selection(NamedTuple):
    """The events that are wanted: of these names, since a moment, until one, the last of them."""

    names: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    last: int | None = None

    def of(self, past: "Sequence[Event]") -> "list[Event]":
        """Choose among past events."""
        found = [event for event in past if self.is_about(event) and self._is_in_time(event)]
        return found if self.last is None else found[max(0, len(found) - self.last) :]

    def is_about(self, event: "Event") -> bool:
        """Return whether an event is about one of the names."""
        return not self.names or any(is_about(event, name) for name in self.names)

    def _is_in_time(self, event: "Event") -> bool:
        too_early = self.since is not None and event.at < self.since
        return not too_early and (self.until is None or event.at <= self.until)

    def refuse_unknown(self, past: "Sequence[Event]") -> None:
        """Raise NoProcess if no event is about one of the names."""
        for name in self.names:
            refuse_unknown(past, name)


def is_about(event: "Event", name: str) -> bool:
    """Return whether an event is about the process that is called `name`, or one below it."""
    if name == ROOT:
        return event.path in ("", ROOT)
    return f"/{name}/" in f"/{event.path}/"


def refuse_unknown(events: "Iterable[Event]", name: str) -> None:
    """Raise NoProcess if no event is about `name`."""
    if any(is_about(event, name) for event in events):
        return
    import difflib  # noqa: PLC0415 - nearly every name is found

    ids = {step for event in events for step in event.path.split("/") if step}
    near = difflib.get_close_matches(name, sorted(ids), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise NoProcess(f"no event is about {name!r}{hint}; `otpy events` shows all")
