"""The command of a guardian, `heart.sh`: with pid and place of the process that becomes it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from otpy.system.nodedir import NodeDir
from otpy.wire.log_files import log_file_name
from otpy.wire.paths import NODE

if TYPE_CHECKING:
    from otpy.config import TreeConfig

_SHELL: Final = "/bin/sh"
_SCRIPT: Final = Path(__file__).with_name("heart.sh")


def heart_command(config: "TreeConfig", report: int | None = None) -> list[str]:
    """Return the command of a guardian, which starts the node of a tree.

    Args:
        config: The tree.
        report: Descriptor that the first node gets as `NodeTree.starter`; the node is detached.
    """
    log = NodeDir(config.name).log / log_file_name(NODE)
    start = [sys.executable, "-P", "-m", "otpy.runtime.node.guarded"]
    starter = "-" if report is None else str(report)
    node = [*start, config.path, config.name, starter]
    return [_SHELL, str(_SCRIPT), str(log), config.name, starter, *node]


def exec_heart(config: "TreeConfig") -> NoReturn:
    """Become the guardian of a node that runs `config`, in place of this process."""
    sys.stdout.flush()
    sys.stderr.flush()
    command = heart_command(config)
    os.execve(command[0], command, os.environ)  # noqa: S606  # a program of ours
