"""What ps and top show of a process."""

from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any


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
    """Have ps and top show this process as `title`."""
    _setproctitle.setproctitle(title)
