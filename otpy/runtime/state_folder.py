"""The folder with the states of this node's servers, as all processes of the node know it."""

from pathlib import Path
from typing import Final

from otpy.durable.places import state_folder as folder_of
from otpy.errors import OtpyError

_folder: Final[list[Path]] = []
"""Set in the node before it forks anything."""


def remember_state_folder(node: str) -> None:
    """Note the folder, by the environment that the node was started in."""
    _folder[:] = [folder_of(node)]


def state_folder() -> Path:
    """Return the folder.

    Raises:
        OtpyError: This is no process of a node.
    """
    if not _folder:
        raise OtpyError("this process is none of a node's")
    return _folder[0]
