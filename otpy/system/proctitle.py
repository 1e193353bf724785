"""Set the name of a process that ps and top show."""

import os
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, Final

from otpy.system.prctl import name_command

_ARGUMENTS_ALONE: Final = "SPT_NOENV"

_prepared = False


def _extension() -> Any:
    # The package itself imports `logging`, whose hooks at a fork make each child write to
    # twenty-seven pages that it could share with its supervisor: so only its extension is loaded.
    package = find_spec("setproctitle")
    assert package is not None
    spec = PathFinder.find_spec("setproctitle._setproctitle", package.submodule_search_locations)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_setproctitle = _extension()


def name_process(title: str) -> None:
    """Set this process's title in ps and top, as far as the memory of its arguments goes.

    The memory of its environment behind them is left alone: others read the mark there.
    """
    if not _prepared:
        prepare_titles()
    _setproctitle.setproctitle(title)
    # Python from 3.12 on counts threads in /proc/self/stat as if no name had blanks in it: two of
    # them, and each fork warns of threads that are not there.
    name_command(title.replace(": ", ":").replace(" ", "-"))


def prepare_titles() -> None:
    """Find the memory of the arguments; to be called before the first variable is changed.

    It is looked for in front of the first variable, where the kernel has put that.
    """
    global _prepared  # noqa: PLW0603  # as the extension is, in a process and in what it forks
    if _prepared:
        return
    chosen = os.environ.get(_ARGUMENTS_ALONE)
    os.environ[_ARGUMENTS_ALONE] = "1"  # it is read at the first call
    _setproctitle.getproctitle()
    if chosen is None:
        del os.environ[_ARGUMENTS_ALONE]
    else:
        os.environ[_ARGUMENTS_ALONE] = chosen
    _prepared = True
