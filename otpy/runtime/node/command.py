"""From a checked tree to the command of its node: a fresh, small interpreter runs it.

Every process of the tree is forked from the node, and pays for each module that it has
imported: so the node is not the process that read the YAML, but one exec'ed by it.
"""

import os
import pickle
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from otpy.system.descriptor import Descriptor
from otpy.system.marks import with_room
from otpy.system.signals import block_until_handled

if TYPE_CHECKING:
    from otpy.config import TreeConfig
    from otpy.core.spec import SupervisorSpec

TITLE_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class NodeTree:
    """The tree that a node runs.

    Attributes:
        name: The node's.
        config: Path of the file that describes the tree.
        spec: The root supervisor.
    """

    name: str
    config: str
    spec: "SupervisorSpec"


def exec_node(config: "TreeConfig") -> NoReturn:
    """Become the node that runs `config`, in place of this process."""
    with Descriptor(os.memfd_create("otpy-tree")) as given:
        fd = given.fileno()
        os.write(fd, pickle.dumps(NodeTree(config.name, config.path, config.spec), protocol=5))
        os.lseek(fd, 0, os.SEEK_SET)
        os.set_inheritable(fd, True)
        sys.stdout.flush()
        sys.stderr.flush()
        block_until_handled()
        argv = node_command(fd)
        os.execve(argv[0], argv, with_room(os.environ))  # noqa: S606  # a program of ours


def node_command(fd: int) -> list[str]:
    """Return the command of a node whose tree is in `fd`."""
    # -P: a module of the user's that is named like one of Python's must not be taken for it.
    # The spaces at the end are where titles are written to, in every process of the node.
    return [sys.executable, "-P", "-m", "otpy.runtime", str(fd), " " * TITLE_BYTES]
