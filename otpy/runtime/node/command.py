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
class Owner:
    """The program that runs a node, which stops when it ends.

    Attributes:
        pidfd: Descriptor of the program.
        report: Of a socket for whole messages: the node says when the tree is up, and at the end
            why it did not end well, as exceptions in pickle.
        searched: Where the program looks for modules.
        removes_folder: Whether the node's folder is removed at the end: no other run will have it.
    """

    pidfd: int
    report: int
    searched: tuple[str, ...]
    removes_folder: bool


@dataclass(frozen=True, slots=True)
class Guardian:
    """The process that starts a node again, `heart.sh`: the node stops when it ends.

    Attributes:
        pid: Its own.
        pidfd: A descriptor of it.
        restarts: How often it has started the node again.
        before: How the run before this one ended; empty for the first.
    """

    pid: int
    pidfd: int
    restarts: int
    before: str


@dataclass(frozen=True, slots=True)
class NodeTree:
    """The tree that a node runs.

    Attributes:
        name: The node's.
        config: Path of the file that describes the tree; empty if it is from none.
        spec: The root supervisor.
        owner: The program that runs it; None for `otpy run`.
        starter: Descriptor of a socket as an owner's `report`, to the command that waits until the
            tree is up; the node stops if that command ends before.
        detached: Whether nobody reads what it prints: that goes to its log.
        guardian: The process that starts it again, if one does.
    """

    name: str
    config: str
    spec: "SupervisorSpec"
    owner: Owner | None = None
    starter: int | None = None
    detached: bool = False
    guardian: Guardian | None = None


def exec_node(config: "TreeConfig") -> NoReturn:
    """Become the node that runs `config`, in place of this process."""
    exec_tree(NodeTree(config.name, config.path, config.spec))


def exec_tree(tree: NodeTree) -> NoReturn:
    """Become the node that runs `tree`; the descriptors that it names are inherited already."""
    with file_of(tree) as given:
        fd = given.fileno()
        os.set_inheritable(fd, True)
        sys.stdout.flush()
        sys.stderr.flush()
        block_until_handled()
        argv = node_command(fd)
        os.execve(argv[0], argv, with_room(os.environ))  # noqa: S606  # a program of ours


def file_of(tree: NodeTree) -> Descriptor:
    """Return a file in memory that a node reads its tree from."""
    file = Descriptor(os.memfd_create("otpy-tree"))
    with open(file.fileno(), "wb", closefd=False) as whole:  # all of it, however long
        pickle.dump(tree, whole, protocol=5)
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    return file


def node_command(fd: int) -> list[str]:
    """Return the command of a node whose tree is in `fd`."""
    # -P: a module of the user's that is named like one of Python's must not be taken for it.
    # The spaces at the end are where titles are written to, in every process of the node.
    return [sys.executable, "-P", "-m", "otpy.runtime", str(fd), " " * TITLE_BYTES]
