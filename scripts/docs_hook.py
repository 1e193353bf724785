"""A hook of mkdocs: every public name of otpy has to be in the documentation.

A name that is not is a warning, and so the end of ``mkdocs build --strict``.
"""

import importlib
import inspect
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

LOG: Final = logging.getLogger("mkdocs.hooks.otpy")

MODULES: Final = (
    *("otpy", "otpy.tasks", "otpy.sys", "otpy.testing"),
    *("otpy.aio", "otpy.aio.tasks", "otpy.aio.sys"),
)
"""Where the public names are; modules among these names are listed by themselves."""

_MARK: Final = b"zlib.\n"


def on_post_build(config: Any) -> None:
    """Compare the names that there are with those that the pages describe."""
    inventory = (Path(config["site_dir"]) / "objects.inv").read_bytes()
    lines = zlib.decompress(inventory.partition(_MARK)[2]).decode().splitlines()
    described = {line.split()[0] for line in lines}
    for name in public_names():
        if name not in described:
            LOG.warning("%s is public, and on no page of the reference", name)


def public_names() -> Iterator[str]:
    """Yield every public name."""
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.ismodule(value):
                continue
            yield f"{module_name}.{name}"
