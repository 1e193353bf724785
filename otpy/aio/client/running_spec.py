"""The spec of the tree that runs: what its file said, and what was changed since."""

from typing import Any

from otpy.aio.client.asker import Asker
from otpy.aio.links.deadline import within
from otpy.aio.links.ref import Ref
from otpy.client.tree_spec import SupervisorFields, TreeSpec, asked_below, deleted_instances
from otpy.errors import NoProcess, ProcessDown


async def spec_of(node: Asker[Ref], timeout: float | None) -> TreeSpec:
    """Ask every supervisor for its spec; return the spec of the whole tree.

    Of a supervisor that does not run, it is what it would be started with.
    """
    by_hand: list[str] = []
    deleted: list[str] = []

    async def ask(path: str) -> SupervisorFields:
        arguments = {"path": path, "op": "get_spec"}
        found = await node._ask_until("supervisor", arguments, deadline, shape=SupervisorFields)
        by_hand.extend(f"{path}/{id_}".lstrip("/") for id_ in found.by_hand)
        return found

    async with within(timeout, f"node {node.name!r} did not answer") as deadline:
        top = await ask("")
        waiting: list[tuple[str, dict[str, Any]]] = list(asked_below("", top))
        while waiting:
            path, child = waiting.pop()
            try:
                found = await ask(path)
            except (NoProcess, ProcessDown):
                continue
            if "instances" in child:
                deleted.extend(deleted_instances(path, child, found))
            else:
                child.update(found.fields)
                waiting.extend(asked_below(path, found))
    return TreeSpec(top.fields, tuple(by_hand), tuple(deleted))
