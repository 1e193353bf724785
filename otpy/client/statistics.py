"""What all the workers of a node do."""

from otpy.client.asker import Asker
from otpy.client.tree import ProcessInfo
from otpy.errors import CallTimeout, NoProcess, ProcessDown
from otpy.links.deadline import deadline_of, share_of
from otpy.links.ref import Ref
from otpy.wire.gateway import Statistics


def statistics_of(node: Asker[Ref], timeout: float | None) -> dict[str, Statistics]:
    """Ask every supervisor what its workers do; tell it by path.

    The workers of a supervisor that does not answer are left out.
    """
    deadline = deadline_of(timeout)
    supervisors = [process for process in node.tree(timeout=timeout) if _may_answer(process)]
    found: dict[str, Statistics] = {}
    for number, supervisor in enumerate(supervisors):
        share = share_of(deadline, len(supervisors) - number)
        arguments = {"name": supervisor.path, "below": True}
        try:
            rows = node.ask("statistics", arguments, share, shape=list[Statistics])
        except (CallTimeout, NoProcess, ProcessDown):
            continue
        found.update((row.path, row) for row in rows)
    return found


def _may_answer(process: ProcessInfo) -> bool:
    return process.kind == "supervisor" and process.pid is not None
