"""Check that a tree's targets can be imported, are GenServers or functions, and take their args.

The user's code runs in a process of its own only, see `isolated`.
"""

import functools
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

from pydantic_core import PydanticCustomError

from otpy.config import isolated, parsers, rules
from otpy.config.mistakes import Loc, Mistake, did_you_mean, show
from otpy.system.search_path import searches_start_directory

Finding: TypeAlias = tuple[str, str]
"""The key of a child that is at fault, ``start`` or ``args``, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A child's `start`, and its `args` unless they are wrong already.

    More arguments may come to those of a template, so that some may be `missing` in it.
    """

    at: Loc
    module: str
    attribute: str
    args: list[object] | dict[str, object] | None
    missing: bool = False


def check(
    tree: rules.Mapping, folders: Mapping[Loc, list[str]], path: Sequence[str] = ()
) -> Iterator[Mistake]:
    """Import each module that `tree` names once, in its order, and return what is wrong.

    Args:
        tree: What a tree's file holds.
        folders: Where the modules of the children at these places are looked for first. Those that
            differ in that are imported in a process of their own: modules may be named alike.
        path: Where they are looked for otherwise; by default where otpy was started.
    """
    groups: dict[tuple[str, ...], dict[str, list[_Use]]] = {}
    for use in _uses(tree):
        modules = groups.setdefault(tuple(folders.get(use.at, ())), {})
        modules.setdefault(use.module, []).append(use)
    for searched, modules in groups.items():
        yield from _check(modules, searched, path)


def _check(
    modules: dict[str, list[_Use]], searched: tuple[str, ...], path: Sequence[str]
) -> Iterator[Mistake]:
    tasks = [functools.partial(_inspect, *item, searched) for item in modules.items()]
    for uses, outcome in zip(modules.values(), isolated.run(tasks, path), strict=True):
        if isinstance(outcome, isolated.Died):
            text = f"importing {uses[0].module!r} ended the process: {outcome.reason}"
            yield from (Mistake((*use.at, "start"), text) for use in uses)
            continue
        for use, found in zip(uses, outcome, strict=True):
            if found:
                yield Mistake((*use.at, found[0]), found[1])


def _uses(tree: rules.Mapping) -> Iterator[_Use]:
    for at, child in rules.descendants(tree):
        yield from _use(at, child, is_template=False)
    for at, template in rules.templates(tree):
        yield from _use(at, template, is_template=True)


def _use(at: Loc, child: rules.Mapping, *, is_template: bool) -> Iterator[_Use]:
    try:
        module, _, attribute = parsers.target(str(child.get("start"))).partition(":")
    except PydanticCustomError:
        return
    yield _Use(at, module, attribute, _arguments(child), missing=is_template)


def _arguments(child: rules.Mapping) -> list[object] | dict[str, object] | None:
    try:
        return parsers.arguments(child.get("args", []))
    except PydanticCustomError:
        return None


# All that follows runs in that process.


def _inspect(name: str, uses: list[_Use], searched: tuple[str, ...]) -> list[Finding | None]:
    sys.path[:0] = [folder for folder in searched if folder not in sys.path]
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            return [("start", _no_module(name, error.name)) for _ in uses]
        return _failed_import(name, error, uses)
    except BaseException as error:  # noqa: BLE001 - SystemExit too is a mistake of the module
        return _failed_import(name, error, uses)
    return [_wrong_use(module, use) for use in uses]


def _failed_import(name: str, error: BaseException, uses: list[_Use]) -> list[Finding | None]:
    said = " ".join(str(error).split())
    text = f"importing {name!r} failed: {type(error).__name__}{': ' if said else ''}{said}"
    return [("start", text) for _ in uses]


def _no_module(name: str, missing: str) -> str:
    package, _, last = missing.rpartition(".")
    path = getattr(sys.modules.get(package), "__path__", []) if package else None
    near = did_you_mean(last, [module.name for module in pkgutil.iter_modules(path)])
    named = "" if missing == name else f" in {name!r}"
    where = "" if searches_start_directory() else " without this directory (PYTHONSAFEPATH is set)"
    return f"no module {missing!r}{named}, expected one that can be imported{where}{near}"


def _wrong_use(module: ModuleType, use: _Use) -> Finding | None:
    target: object = module
    holder = use.module
    for part in use.attribute.split("."):
        try:
            target = getattr(target, part)
        except Exception:  # noqa: BLE001 - a module's own __getattr__ may raise anything
            near = did_you_mean(part, [name for name in dir(target) if name[0] != "_"])
            return "start", f"{holder!r} has no attribute {part!r}{near}"
        holder = part
    return _wrong_target(target, use)


def _wrong_target(target: object, use: _Use) -> Finding | None:
    from otpy import GenServer  # noqa: PLC0415 - only that process needs it

    written = show(f"{use.module}:{use.attribute}")
    if not callable(target):
        got = f"{written}, of type {type(target).__name__}"
    elif isinstance(target, type) and not issubclass(target, GenServer):
        got = f"{written}, a class that is no GenServer"
    else:
        return _wrong_class(target) or _wrong_arguments(target, use)
    return "start", f"got {got}, expected a GenServer subclass or a function"


def _wrong_class(target: Callable[..., object]) -> Finding | None:
    from otpy.server import contract  # noqa: PLC0415 - as above

    problem = contract.wrong_class(target) if isinstance(target, type) else None
    return None if problem is None else ("start", problem)


def _wrong_arguments(target: Callable[..., object], use: _Use) -> Finding | None:
    from otpy.server import contract  # noqa: PLC0415 - as above

    if use.args is None:
        return None
    args, kwargs = (use.args, {}) if isinstance(use.args, list) else ([], use.args)
    if isinstance(target, type) and (problem := contract.useless_arguments(target, args, kwargs)):
        return "args", problem
    takes = contract.parameters(target)
    if takes is None:
        return None
    try:
        (takes.bind_partial if use.missing else takes.bind)(*args, **kwargs)
    except TypeError as error:
        return "args", f"{error}, expected {use.attribute}{takes}"
    return None
