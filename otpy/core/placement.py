"""What a supervisor passes down to its children: keys that stand on it, and hold below.

That is done when a spec is made: of a tree's file, and of what `start_child` adds. Nothing else
knows of it.
"""

from dataclasses import replace

from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.core.surroundings import Surroundings


def passed_down(spec: "SupervisorSpec", above: Surroundings, folder: str) -> "SupervisorSpec":
    """Return a supervisor's spec in which every child has what it inherits.

    Args:
        spec: Of the supervisor.
        above: What holds where the supervisor stands.
        folder: The one that relative paths start from.
    """
    own = spec.surroundings.in_folder(folder).inherit(above)
    template = spec.template and placed(spec.template, own, folder)
    children = tuple([placed(child, own, folder) for child in spec.children])
    return replace(spec, surroundings=own, folder=folder, children=children, template=template)


def placed(child: "ChildSpec", above: Surroundings, folder: str) -> "ChildSpec":
    """Return a child's spec with what it inherits; the arguments are as of `passed_down`."""
    if isinstance(child.start, SupervisorSpec):
        return replace(child, start=passed_down(child.start, above, folder))
    own = child.surroundings.in_folder(folder).inherit(above)
    return child if own is child.surroundings else replace(child, surroundings=own)
