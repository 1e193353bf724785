"""What the tests rely on, whoever started them and from wherever."""

import os
import signal
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
"""The checkout that these tests lie in."""


def use_this_checkout() -> None:
    """Make every process that the tests start import the otpy of this checkout.

    pytest puts the checkout first for the tests themselves; without this a node would import the
    otpy that is installed.
    """
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    wanted = [str(ROOT), *(path for path in others if path and path != str(ROOT))]
    os.environ["PYTHONPATH"] = os.pathsep.join(wanted)


def compile_once() -> None:
    """Make Python keep what it compiles, whatever the environment asks for.

    Hundreds of processes import the same files, and compiling them would be most of their work.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def forget_the_developers_nodes() -> None:
    """Look for no nodes where those of the developer's own are."""
    os.environ.pop("OTPY_DIR", None)


def restore_signals() -> None:
    """Block no signal, and ignore neither Ctrl-C nor the end of a child.

    A shell script starts what runs in its background with SIGINT ignored, others block signals or
    ignore SIGCHLD, and all of it passes on to every process that the tests start.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
