"""Makes system calls fail in a process of a node under test, when a file says so.

``python -m tests.support.faults FAULTS FD`` is a node, as ``python -P -m otpy.runtime FD`` is.
A line ``PID CALL ERRNO`` in FAULTS has that call fail in that process; it is noted in FAULTS.hits.
"""

import _socket
import builtins
import errno
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otpy.runtime import child_pipes as pipes
from otpy.runtime.node.launch import main
from otpy.system import loop

CALLS = {
    "fork": (os, "fork"),
    "pipe": (os, "pipe2"),
    "pidfd_open": (os, "pidfd_open"),
    "dup": (os, "dup"),
    "memfd_create": (os, "memfd_create"),
    "open": (builtins, "open"),
    "os.open": (os, "open"),
    "write": (os, "write"),
    "waitid": (os, "waitid"),
    "pread": (os, "pread"),
    "kill": (os, "kill"),
    "killpg": (os, "killpg"),
    "setrlimit": (resource, "setrlimit"),
    "control_pipe": (pipes, "control_pipe"),
    "sendmsg": (socket.socket, "sendmsg"),
    "socketpair": (_socket, "socketpair"),
    "accept": (socket.socket, "accept"),
    "epoll_ctl": (loop.Loop, "watch"),
}


def install(faults: str) -> None:
    """Put a call that may fail in the place of each."""
    for name, (owner, attribute) in CALLS.items():
        setattr(owner, attribute, _may_fail(faults, name, getattr(owner, attribute)))


def _may_fail(faults: str, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    read = Path.read_text

    def call(*args: Any, **kwargs: Any) -> Any:
        for line in read(Path(faults)).splitlines():
            pid, wanted, code = line.split()
            if wanted == name and int(pid) == os.getpid():
                with Path(f"{faults}.hits").open("a") as hits:
                    hits.write(f"{pid} {name}\n")
                number = getattr(errno, code)
                raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    return call


if __name__ == "__main__":
    Path(sys.argv[1]).touch()
    install(sys.argv[1])
    sys.exit(main(int(sys.argv[2])))
