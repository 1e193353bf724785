"""Where a worker's warnings and records of `logging` go while its own code says nothing of that.

`logging` is on many pages, and each worker would write to them: so it is imported by what uses it,
never by otpy. When it is, what it needs is added before anything is logged: what a module logs
while it is imported itself is not lost.
"""

import os
import stat
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

_STDERR: Final = 2
_WARNING: Final = 30

LEVELS: Final = {
    "DEBUG": 10,
    "INFO": 20,
    "WARNING": 30,
    "ERROR": 40,
    "CRITICAL": 50,
}
"""The levels of `logging` by name."""

_given: Final[list[int]] = []
"""The level that the tree says, if it does."""

_prints: Final[list[bool]] = []
"""Not empty if this process has the stderr of `otpy run`."""


def prepare_logging() -> None:
    """Prepare this process, and what is forked from it: done once, before workers are forked."""
    if warnings.showwarning is not _show_warning:
        warnings.showwarning = _show_warning
        if "logging" in sys.modules:  # Python was started with something that uses it
            _install()
        else:
            _watch_import()


def set_log_level(level: int | str | None) -> None:
    """Set the level of this process, by number or name: below it, nothing is logged.

    None is what it is unless the tree says something.
    """
    _given[:] = [] if level is None else [LEVELS[level] if isinstance(level, str) else level]
    if "logging" in sys.modules:  # a module that was imported ahead uses it
        _install()


def print_records() -> None:
    """Print records as lines: stderr is that of `otpy run`, and may be a pipe, too."""
    _prints.append(True)


def has_pipe() -> bool:
    """Return whether stderr is a pipe that a supervisor reads."""
    try:
        return not _prints and stat.S_ISFIFO(os.fstat(_STDERR).st_mode)
    except OSError:  # it is closed
        return False


def _install() -> None:
    from otpy.runtime.worker.log_handler import install  # noqa: PLC0415

    install(_given[0] if _given else None)


def _watch_import() -> None:
    """Have `_install` called when `logging` has been imported, and before what imports it goes on.

    By the finder of the standard library's directory, and not by another one in `sys.meta_path`:
    that would be asked for all that each worker imports, and is on pages of its own.
    """
    finder = sys.path_importer_cache.get(str(Path(os.__file__).parent))
    find = getattr(finder, "find_spec", None)
    if find is None:
        return  # an interpreter in an archive: it logs as Python does by itself

    def find_spec(name: str, target: ModuleType | None = None) -> "ModuleSpec | None":
        found: ModuleSpec | None = find(name, target)
        if found is not None and found.loader is not None and name == "logging":
            _install_after(found.loader)
        return found

    finder.find_spec = find_spec  # type: ignore[union-attr, method-assign]


def _install_after(loader: "Loader") -> None:
    run = loader.exec_module

    def run_and_install(module: ModuleType) -> None:
        del loader.exec_module
        run(module)
        _install()

    loader.exec_module = run_and_install  # type: ignore[method-assign]


_show_elsewhere: Final = warnings.showwarning


def _show_warning(  # noqa: PLR0917  # as `warnings` calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as `logging.captureWarnings` would, without `logging`."""
    if file is not None or not has_pipe():
        _show_elsewhere(message, category, filename, lineno, file, line)
    elif not _given or _given[0] <= _WARNING:
        from otpy.runtime.worker.log_writer import write_record  # noqa: PLC0415
        from otpy.wire.inband import Inband  # noqa: PLC0415

        text = warnings.formatwarning(message, category, filename, lineno, line)
        write_record(Inband("WARNING", "py.warnings", text.rstrip("\n")))
