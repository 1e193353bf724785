# Generated from otpy/aio/client/waiting.py by scripts/generate_blocking.py; do not edit.

"""Waiting until processes of a node are ready, or gone."""

from collections.abc import Sequence

from otpy.client.asker import Asker
from otpy.client.tree import ProcessInfo, process_info
from otpy.errors import NodeNotFound
from otpy.links.deadline import within
from otpy.links.ref import Ref
from otpy.wire.gateway import Until, WaitRow


def wait_until(
    node: Asker[Ref], names: Sequence[str], until: Until, timeout: float | None
) -> list[ProcessInfo | None]:
    """Wait until each of these processes is so; return them, None for one that is not there.

    Args:
        node: Of the processes.
        names: Theirs; the root supervisor's is "".
        until: ``ready`` or ``gone``.
        timeout: Seconds for all of them together, or None for ever.

    Raises:
        NoProcess: There is none of a name, or it is removed meanwhile; not if it is to be gone.
        StartFailed: One has failed, and stays down.
        CallTimeout: Not all of them are so by then.
        NodeNotFound: The node has ended; not if they are to be gone.
    """
    arguments = {"names": list(names), "until": until}
    named = ", ".join([repr(name or "root") for name in names])
    with within(timeout, f"{named}: not {until}") as deadline:
        try:
            rows = node._ask_until("wait", arguments, deadline, shape=list[WaitRow])
        except NodeNotFound:
            if until == "ready":
                raise
            return [None for _ in names]  # it has ended, and all of its processes
    return [None if row is None else process_info(row) for row in rows]
