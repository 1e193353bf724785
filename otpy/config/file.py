"""All steps from a file to a spec: text, nodes, values, fields, imports."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic_core import PydanticCustomError

from otpy.config import imports, parsers, permitted, rules
from otpy.config.fields import Tree
from otpy.config.mistakes import Loc, Located, Mistake, dotted, field_of, show
from otpy.config.nodes import Loader, compose, located
from otpy.config.reading import placed_spec, read_tree
from otpy.config.source import BadText, read_text
from otpy.config.values import Document
from otpy.core.spec import SupervisorSpec
from otpy.errors import SpecError
from otpy.system.nodedir import is_too_long, socket_path_problem


def read_file(
    path: str, *, check_imports: bool, searched: Sequence[str] = (), needs_name: bool = True
) -> tuple[str, SupervisorSpec]:
    """Read the name, maybe empty, and the spec of a tree.

    Args:
        path: The file.
        check_imports: Also import what it names, and look for its programs.
        searched: Where modules are looked for; by default where otpy was started.
        needs_name: Whether one without a name has that of its file, which may not do as such.

    Raises:
        SpecError: With a line for each mistake.
    """
    try:
        return _read(path, check_imports, searched, needs_name)
    except BadText as error:
        raise _spec_error(path, [error.mistake]) from None


def read_data(path: str) -> object:
    """Read the plain values of a file, with the same checks as a tree's file.

    Raises:
        SpecError: With a line for each mistake.
    """
    try:
        document = _document(read_text(path))
    except BadText as error:
        raise _spec_error(path, [error.mistake]) from None
    if document.mistakes:
        raise _spec_error(path, document.mistakes)
    return document.data


def name_in(path: str) -> str:
    """Return the name that a tree's file says, whatever else is in it; empty if it says none.

    Raises:
        SpecError: It cannot be read, or is no YAML.
    """
    data = read_data(path)
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""


def _read(
    path: str, check_imports: bool, searched: Sequence[str], needs_name: bool
) -> tuple[str, SupervisorSpec]:
    document = _document(read_text(path))
    data = document.data
    if not isinstance(data, dict):
        text = f"got {show(data)} at the top, expected a mapping with children"
        raise _spec_error(path, [*document.mistakes, located(document.node(()), text)])
    tree, mistakes = read_tree(data, document.written)
    if needs_name or "name" in data:
        mistakes += _name_mistakes(data, path)
    folder = str(Path(path).absolute().parent)
    if check_imports and not rules.too_deep(data):
        mistakes += system_mistakes(data, tree, folder, searched)
    if tree is None or mistakes or document.mistakes:
        raise _spec_error(path, _located(document, mistakes))
    return tree.name, placed_spec(tree, folder)


def _document(text: str) -> Document:
    loader = Loader(text)
    try:
        return Document(loader, compose(loader, text), os.environ)
    finally:
        loader.dispose()


def _name_mistakes(data: rules.Mapping, path: str) -> Iterator[Mistake]:
    """Check the node's name beyond its form, and the one that it gets from its file."""
    if "name" in data:
        if isinstance(given := data["name"], str) and _is_name(given):
            yield from name_too_long(("name",), given)
        return
    stem = Path(path).stem
    try:
        parsers.name(stem)
    except PydanticCustomError as error:
        text = f"name is missing, and the file's {show(stem)} is not {error.message()}"
        yield Mistake((), text)
    else:
        yield from name_too_long((), stem)


def _is_name(text: str) -> bool:
    try:
        parsers.name(text)
    except PydanticCustomError:
        return False  # that is told already
    return True


def name_too_long(at: Loc, name: str) -> Iterator[Mistake]:
    """Find out whether a node of that name could not have its socket."""
    if is_too_long(name):
        text = f"got {show(name)}, expected a shorter one: {socket_path_problem(name)}"
        yield Mistake(at, text)


def system_mistakes(
    data: rules.Mapping, tree: Tree | None, folder: str, searched: Sequence[str]
) -> Iterator[Mistake]:
    """Find what the system refuses; where a tree has mistakes, its surroundings are not known."""
    placed = [] if tree is None else list(permitted.placed_fields(tree, folder))
    folders = {each.at: permitted.search_folders(each) for each in placed}
    yield from imports.check(data, folders, searched)
    for number, handler in enumerate(() if tree is None else tree.on_event):
        if handler.program and shutil.which(handler.program[0]) is None:
            at = (number,) if isinstance(data["on_event"], list) else ()
            text = f"got {show(handler.program[0])}, expected a program in PATH"
            yield Mistake(("on_event", *at, "exec", 0), text)
    for each in placed:
        yield from permitted.mistakes(each)
    if tree is None:
        yield from _missing_programs(data)


def _missing_programs(data: rules.Mapping) -> Iterator[Mistake]:
    for at, child in (*rules.descendants(data), *rules.templates(data)):
        match child.get("command"):
            case [str(program), *_] if program and "\0" not in program and "cwd" not in child:
                if shutil.which(program) is None:
                    text = f"got {show(program)}, expected a program in PATH"
                    yield Mistake((*at, "command", 0), text)


def _located(document: Document, mistakes: list[Mistake]) -> list[Located]:
    """Add the lines and columns, and drop mistakes that follow from a syntax error."""
    spoiled = {(bad.line, bad.column) for bad in document.mistakes}
    found = []
    for mistake in mistakes:
        field = "" if mistake.on_key else dotted(field_of(mistake.at))
        text = f"{field}: {mistake.text}" if field else mistake.text
        found.append(located(document.node(mistake.at, on_key=mistake.on_key), text))
    return [*document.mistakes, *(m for m in found if (m.line, m.column) not in spoiled)]


def _spec_error(path: str, mistakes: list[Located]) -> SpecError:
    return SpecError([f"{path}:{m.line}:{m.column}: {m.text}" for m in sorted(set(mistakes))])
