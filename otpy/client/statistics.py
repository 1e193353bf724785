# Generated from otpy/aio/client/statistics.py by scripts/generate_blocking.py; do not edit.

"""The statistics of all workers of a node."""

from otpy.client.asker import Asker
from otpy.client.tree import ProcessInfo
from otpy.errors import CallTimeout, NoProcess, ProcessDown
from otpy.links.deadline import deadline_of, share_of
from otpy.links.ref import Ref
from otpy.wire.gateway import Statistics


def statistics_of(node: Asker[Ref], timeout: float | None) -> dict[str, Statistics]:
    """Ask every supervisor for the statistics of its workers; return them by path.

    The workers of a supervisor that does not answer are left out.
    """
    deadline = deadline_of(timeout)
    tree = node.tree(timeout=timeout)
    return ask_supervisors(node, tree, deadline)


def ask_supervisors(
    node: Asker[Ref], tree: ProcessInfo, deadline: float | None
) -> dict[str, Statistics]:
    """Return the statistics of the workers of a tree that is known, as `statistics_of`."""
    asked = [process.path for process in tree if _may_answer(process)]

    def ask(number: int, path: str) -> list[Statistics]:
        share, arguments = share_of(deadline, len(asked) - number), {"name": path, "below": True}
        try:
            return node._ask("statistics", arguments, share, shape=list[Statistics])
        except (CallTimeout, NoProcess, ProcessDown):
            return []

    answers = [ask(number, path) for number, path in enumerate(asked)]
    return {row.path: row for rows in answers for row in rows}


def _may_answer(process: ProcessInfo) -> bool:
    return process.kind == "supervisor" and process.pid is not None
