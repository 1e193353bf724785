"""Read a tree's file for a node that runs: in a process of its own, ``python -m`` this module.

The node has none of what reads YAML, and would have it for each process that it forks. What is
read goes into a file in memory, which the node has made.
"""

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from otpy.errors import SpecError
from otpy.system.descriptor import Descriptor

if TYPE_CHECKING:
    from otpy.core.spec import SupervisorSpec
    from otpy.runtime.supervisor.helpers import Helpers
    from otpy.system.loop import Loop
    from otpy.system.wait import WaitStatus

_MODULE: Final = "otpy.runtime.node.reading"
_LIMIT_S: Final = 120.0
"""Seconds within which a file has to be read: a module that it names may hang as it is imported."""

_NO_FILE: Final = "the tree that runs is of no file: name one"


class FileReader:
    """Reads files, one at a time.

    Args:
        loop: The node's.
        helpers: Short-lived processes of the node's.
        name: Of the node; a file with another name is wrong.
        searched: Where modules are looked for; where otpy was started if empty.
    """

    def __init__(
        self,
        loop: "Loop",
        helpers: "Callable[[], Helpers]",
        name: str,
        searched: tuple[str, ...],
    ) -> None:
        self._loop = loop
        self._helpers, self._name, self._searched = helpers, name, searched

    def read(self, file: str, done: "Callable[[SupervisorSpec | SpecError], None]") -> None:
        """Read `file`, import what it names, and call `done` with the tree or what is wrong."""
        if not file:
            done(SpecError([_NO_FILE]))
            return
        memory = Descriptor(os.memfd_create("otpy-reload"))

        def ended(status: "WaitStatus", output: str) -> None:
            timer.cancel()
            with memory:
                done(self._result(memory, file, status, output))

        argv = [sys.executable, "-P", "-m", _MODULE, str(memory.fileno()), file]
        argv.append(msgspec.json.encode(self._searched).decode())
        try:
            helper = self._helpers().run(
                lambda: _become(argv, memory.fileno()), ended, (memory.fileno(),)
            )
        except OSError as error:
            memory.close()
            done(SpecError([f"{file}: it cannot be read now: {error}"]))
            return

        def late() -> None:
            helper.close()
            memory.close()
            done(SpecError([f"{file}: what it names was not imported within {_LIMIT_S:g} s"]))

        timer = self._loop.call_later(_LIMIT_S, late)

    def _result(
        self, memory: Descriptor, file: str, status: "WaitStatus", output: str
    ) -> "SupervisorSpec | SpecError":
        data = os.pread(memory.fileno(), os.fstat(memory.fileno()).st_size, 0)
        if not data:
            how = status.signal or f"exit status {status.code}"
            return SpecError([f"{file}: what reads it has ended: {how}; {output[-200:]}"])
        mistakes, name, spec = pickle.loads(data)  # noqa: S301 - written by this module
        if mistakes:
            return SpecError(mistakes)
        if name and name != self._name:
            text = f"name: got {name!r}, expected {self._name!r}: a running node keeps its name"
            return SpecError([f"{file}:1:1: {text}"])
        found: SupervisorSpec = spec
        return found


def _become(argv: list[str], fd: int) -> int:
    os.set_inheritable(fd, True)
    os.execve(argv[0], argv, os.environ)  # noqa: S606  # a program of ours


def main(fd: int, file: str, searched: list[str]) -> None:
    """Read `file`, and write what was found, or the mistakes, into the descriptor `fd`."""
    # Not above: the node imports this module, too.
    from otpy.config.file import read_file  # noqa: PLC0415

    found: tuple[tuple[str, ...], str, object]
    try:
        name, spec = read_file(file, check_imports=True, searched=searched, needs_name=False)
        found = (), name, spec
    except SpecError as error:
        found = error.mistakes, "", None
    Path(f"/proc/self/fd/{fd}").write_bytes(pickle.dumps(found, protocol=5))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], msgspec.json.decode(sys.argv[3]))
