"""The specs of the processes that run tasks, and the ids that they get."""

import itertools
from typing import Final

from otpy.core.spec import ChildSpec, Restart, ServerStart, ShutdownBudget
from otpy.wire.control import Address

_TASK: Final = "otpy.runtime.worker.task:TaskServer"
_NAME_CHARS: Final = 60
_numbers: Final = itertools.count(1)


def task_spec(id_: str, shutdown: ShutdownBudget) -> ChildSpec:
    """Return the spec of a task's process."""
    start = ServerStart(_TASK)
    return ChildSpec(id_, start, Restart.TEMPORARY, shutdown)


def new_id(owner: Address) -> str:
    """Return an id new in this tree: the owner's name, its incarnation, a number."""
    name = owner.path.replace("/", ".")
    if "." in owner.path or len(name) > _NAME_CHARS:  # else two names might become one
        import zlib  # noqa: PLC0415  # a library of its own, which most workers never need

        name = f"{name[:_NAME_CHARS]}-{zlib.crc32(owner.path.encode()):08x}"
    return f"{name}-{owner.incarnation}-{next(_numbers)}"
