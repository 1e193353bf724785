"""Names that a package exports and imports only when they are used (PEP 562)."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from sys import modules


def lazy_exports(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package.

    Args:
        package: The package's name.
        homes: For each module the names that it defines and the package exports. Under the
            package's own name stand the submodules that are exported.
    """
    namespace = vars(modules[package])
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str) -> object:
        if (home := home_of.get(name)) is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if home == package:
            return import_module(f"{package}.{name}")  # which sets the attribute
        found = namespace[name] = getattr(import_module(home), name)
        return found

    def names() -> list[str]:
        # Of what the package's own text has defined only what every module has.
        return sorted({*home_of, *(name for name in namespace if name.startswith("__"))})

    return get, names
