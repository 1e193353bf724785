"""Do what ``otpy logs`` asks: print what was logged, or go on with what is."""

import re
from collections.abc import Iterable

from otpy.cli.log_output import LogOutput
from otpy.cli.log_place import log_folder, refuse_unlogged, starts_of
from otpy.logs.following import Follower, wait_for
from otpy.logs.merging import last, past
from otpy.logs.previous import previous_windows
from otpy.logs.reading import Entry
from otpy.logs.selection import Selection
from otpy.logs.sources import Snapshot, find_sources, snapshot_of


class LogReading:
    """The log of a node.

    Args:
        node: Its name; None for the only one.
        names: Of the processes that are wanted; all if there is none.
        since: Unix time; None for no limit.
        until: So, too.
        grep: What has to be found in a record.

    Raises:
        NotThere: There is no such node or process.
    """

    def __init__(
        self,
        node: str | None,
        names: tuple[str, ...],
        since: float | None,
        until: float | None,
        grep: "re.Pattern[str] | None",
    ) -> None:
        self._selection = Selection(names, since, until, grep)
        self._directory = log_folder(node)
        self._sources = find_sources(self._directory.log)
        refuse_unlogged(self._directory, self._sources, names)

    def write(self, count: int | None, *, previous: bool, as_json: bool) -> None:
        """Print what there is, or the last `count` records of it."""
        chosen = self._selection
        snapshot = snapshot_of(each for each in self._sources if chosen.may_be_in(each))
        if previous:
            windows = previous_windows(snapshot, chosen.names, starts_of(self._directory))
            chosen = chosen.within(windows)
        LogOutput(as_json=as_json).write(_wanted(snapshot, chosen, count))

    def follow(self, count: int | None, *, as_json: bool) -> None:
        """Print the last `count` records, and those to come.

        Raises:
            BrokenPipeError: Nobody reads stdout any more.
        """
        output = LogOutput(as_json=as_json)
        follower = Follower(self._directory.log, self._selection)
        try:
            output.write(_wanted(follower.past, self._selection, count))
            while wait_for(follower, output.fileno()):
                output.write(follower.changed())
        finally:
            follower.close()
        raise BrokenPipeError


def _wanted(snapshot: Snapshot, selection: Selection, count: int | None) -> Iterable[Entry]:
    return past(snapshot, selection) if count is None else last(snapshot, selection, count)
