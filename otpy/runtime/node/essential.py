"""Essential children: which they are, and the exit status that a node takes over from one."""

import signal

from otpy.core.spec import Essential, SupervisorSpec
from otpy.events import ChildEnded, ChildStartFailed

_BY_SIGNAL = 128
"""What shells add to the number of the signal that ended a program."""


def exit_code(end: ChildEnded | ChildStartFailed) -> int:
    """Return the exit status of a child as a shell has it; of one that failed it is not 0."""
    if end.signal:
        return _BY_SIGNAL + _number(end.signal)
    if end.status:
        return end.status
    return 0 if isinstance(end, ChildEnded) and end.clean else 1


def _number(name: str) -> int:
    try:
        return signal.Signals[name].value
    except KeyError:  # SIG40
        return int(name.removeprefix("SIG"))


def is_essential(tree: SupervisorSpec, path: str) -> bool:
    """Return whether the child at `path` of a tree is essential."""
    spec: object = tree
    child = None
    for id_ in path.split("/"):
        if not isinstance(spec, SupervisorSpec):
            return False
        child = next((each for each in spec.children if each.id == id_), None)
        spec = None if child is None else child.start
    return child is not None and child.essential is not Essential.NO
