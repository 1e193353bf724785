"""The paths of processes: the ids from the root down, joined by "/"; "" is the root supervisor."""

from typing import Final

GATEWAY: Final = "@gateway"
"""The path of the gateway, which is beside the tree; no id begins with "@"."""

LOGGER: Final = "@logger"
"""The path of the logger, which is beside the tree, too."""

BESIDE: Final = (GATEWAY, LOGGER)
"""The paths of the processes beside the tree."""

ON_EVENT: Final = "@on_event"
"""The path of the process that hands events to their handlers, where the tree has any."""

NODE: Final = "@node"
"""The path of the node itself."""


def child_path(supervisor: str, id_: str) -> str:
    """Join a supervisor's path and a child's id."""
    return f"{supervisor}/{id_}" if supervisor else id_
