"""A reader who does everything that a page shows, in its order, and compares what follows.

- A block with a ``title`` is a file; those of the page that this one ``continues`` are there.
- ``python`` without a title runs as in a REPL, ``await`` included. ``# -> value`` behind an
  expression or an assignment is what it has to be; ``# raises Error`` is what it has to raise.
- ``console``: what stands behind a ``$`` runs in a shell, and prints the lines below it. ``otpy
  run FILE`` goes on in the background; its lines appear some time, in any order.
- ``<!-- output: NODE -->`` before a block: the node prints these lines, in any order.
- ``yaml`` with ``children`` is a tree without mistakes; json, toml, ini and other yaml parse.

In what is expected ``...`` stands for anything, a time for any time, a pid for any pid, and so on.
``<!-- wrong: REASON -->`` before a tree says that it has mistakes, and
``<!-- not run: REASON -->`` before a block says why nobody can run it here, and
``<!-- needs: NAME ... -->`` that it can only be run where these modules and programs are installed;
``root`` is the user.
"""

import ast
import asyncio
import configparser
import contextlib
import inspect
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import otpy
from otpy.cli import main
from otpy.config import load
from tests.docs.pages import Block, Page
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import DEADLINE_S

_INNER: Final = re.compile(r"\$\((otpy [^)]*)\)")
_EXPECTED: Final = re.compile(r"# (?P<kind>->|raises) (?P<text>.*)$")
_VARIES: Final = (
    ("time", r"\d\d:\d\d:\d\d\.\d{3}", r"\d\d:\d\d:\d\d\.\d{3}"),
    ("pid", r"\b\d{4,}\b", r"\d+"),
    ("uptime", r"\b\d+s\b", r"\d+s"),
    ("memory", r"\b\d+\.\d MiB", r"\d+\.\d MiB"),
    ("gap", "  +", " +"),
    ("lines", r"^\.\.\.\n", r"(?:.*\n)*"),
    ("dots", r"\.\.\.", ".*"),
)
"""What is different each time: as it stands in what is expected, and what matches it."""

_ANY: Final = re.compile("|".join(f"(?P<{n}>{shown})" for n, shown, _ in _VARIES), re.MULTILINE)
_MATCHES: Final = {name: meant for name, _, meant in _VARIES}


class Reader:
    """Works through one page in a folder of its own."""

    def __init__(
        self,
        nodes: Nodes,
        monkeypatch: pytest.MonkeyPatch,
        capture: pytest.CaptureFixture[str],
    ) -> None:
        self._capture = capture
        self._nodes, self._folder = nodes, nodes.work / "project"
        self._running: dict[str, NodeUnderTest] = {}
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._loop = asyncio.Runner()
        self._written = itertools.count(1_000_000_000, 2)
        self._known = set(sys.modules)
        self._folder.mkdir()
        commands = self._folder / ".bin"
        commands.mkdir()
        for name in ("otpy", "pytest", "python"):
            module = "" if name == "python" else f" -m {name}"
            (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable}{module} "$@"\n')
            (commands / name).chmod(0o755)
        monkeypatch.chdir(self._folder)
        monkeypatch.syspath_prepend(self._folder)
        monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")

    def read(self, page: Page) -> None:
        """Do all that is on the page; fail at the line where something else follows."""
        self._take_files(page.before())
        for block in page.blocks():
            needed = block.notes.get("needs", "").split()
            if "not run" not in block.notes and all(map(_is_there, needed)):
                with _at(f"{page.name}:{block.line}"):
                    self._do(block)

    def close(self) -> None:
        """Close what the page has left open."""
        for value in self._names.values():
            if isinstance(value, otpy.Node):
                value.close()
        self._names.clear()
        self._loop.close()
        self._forget_modules()

    def _take_files(self, page: Page | None) -> None:
        if page is not None:
            self._take_files(page.before())
            for block in page.blocks():
                if block.title:
                    self._write(block)

    def _do(self, block: Block) -> None:
        if "output" in block.notes:
            self._await_lines(self._running[block.notes["output"]], block.text.splitlines())
            return
        if block.title:
            self._write(block)
        match block.language:
            case "python" if not block.title:
                self._execute(block.text)
            case "console":
                self._type(block.text)
            case "yaml" if "wrong" in block.notes:
                with pytest.raises(otpy.SpecError):
                    _check_yaml(block.text)
            case "python" | "yaml" | "json" | "toml" | "ini":
                _PARSERS[block.language](block.text)
            case "text" | "dockerfile" | "sh" | "erlang" | "elixir":
                pass
            case other:
                raise AssertionError(f"nobody knows what to do with {other!r}")

    # ---- files -------------------------------------------------------------------------------

    def _write(self, block: Block) -> None:
        file = self._folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
        # Python compares seconds: a file that is written anew within one is not to be taken for
        # what was compiled of the one before it.
        os.utime(file, (second := next(self._written), second))
        self._forget_modules()

    def _forget_modules(self) -> None:
        """Forget the page's own modules, to be imported anew."""
        for name in set(sys.modules) - self._known:
            file = getattr(sys.modules[name], "__file__", None)
            if file is not None and Path(file).is_relative_to(self._folder):
                del sys.modules[name]

    # ---- Python ------------------------------------------------------------------------------

    def _execute(self, text: str) -> None:
        tree = _Expectations(text.splitlines()).visit(ast.parse(text))
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(ast.fix_missing_locations(tree), "<page>", "exec", flags, dont_inherit=True)
        value = eval(code, self._names)
        if inspect.iscoroutine(value):
            self._loop.run(value)

    # ---- the shell ---------------------------------------------------------------------------

    def _type(self, text: str) -> None:
        """Run the commands of a console, one after another."""
        text = re.sub(r"\\\n> *", "", text)
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            words = shlex.split(command, comments=True)
            if words[:2] == ["otpy", "run"]:
                self._run_node(words[2], output.splitlines())
            else:
                self._run_command(command, output)

    def _run_node(self, file: str, lines: list[str]) -> None:
        node = self._nodes.start(self._folder / file, cwd=self._folder).up()
        self._running[node.name] = node
        self._await_lines(node, lines)

    def _run_command(self, command: str, output: str) -> None:
        command = _INNER.sub(lambda inner: self._otpy(inner[1]).strip(), command)
        simple = command.startswith("otpy ") and not set("|;&<>") & set(command)
        printed = self._otpy(command) if simple else self._shell(command)
        assert re.fullmatch(_pattern(output), printed), (
            f"$ {command}\nexpected:\n{output}\ngot:\n{printed}"
        )

    def _otpy(self, command: str) -> str:
        """Run ``otpy ...`` in this process, which saves the start of an interpreter."""
        self._capture.readouterr()
        main(shlex.split(command, comments=True)[1:])
        return "".join(self._capture.readouterr())

    def _shell(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * DEADLINE_S,  # it may be a run of pytest
            check=False,
        )
        return done.stdout

    def _await_lines(self, node: NodeUnderTest, lines: list[str]) -> None:
        """Wait until the node has printed these lines, in any order; or ended, if one says so."""
        for line in lines:
            if line.strip() != "...":
                pattern = re.compile(f"^{_pattern(line)}$", re.MULTILINE)
                shown = partial(lambda pattern: pattern.search(node.printed + node.errors), pattern)
                node.until(shown, line, outlives=True)
        if any(" has stopped: " in line for line in lines):
            node.wait()


class _Expectations(ast.NodeTransformer):
    """Turn the comments that say what follows into code that looks whether it does."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """Compare the value of an expression."""
        kind, expected = self._expected(node)
        if kind == "->":
            return _comparison(node.value, expected)
        return self._raising(node, kind, expected)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt | list[ast.stmt]:
        """Compare what was assigned."""
        kind, expected = self._expected(node)
        if kind == "->":
            assigned = ast.parse(ast.unparse(node.targets[0]), mode="eval").body
            return [node, _comparison(assigned, expected)]
        return self._raising(node, kind, expected)

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        """Look for the comment behind ``raise``, as behind any statement."""
        return self._raising(node, *self._expected(node))

    def _expected(self, node: ast.stmt) -> tuple[str, str]:
        found = _EXPECTED.search(self._lines[(node.end_lineno or 1) - 1])
        return (found["kind"], found["text"]) if found else ("", "")

    def _raising(self, node: ast.stmt, kind: str, expected: str) -> ast.stmt:
        if kind != "raises":
            return node
        error, _, text = expected.partition(": ")
        raises = f"__import__('pytest').raises({error}, match={_pattern(text) or None!r})"
        return ast.With([ast.withitem(ast.parse(raises, mode="eval").body)], [node])


def _comparison(value: ast.expr, expected: str) -> ast.stmt:
    """Return the statement that compares `value` with what it is to be."""
    same = "__import__('tests.docs.reader').docs.reader.compare"
    call = ast.parse(f"{same}(None, {expected})", mode="eval").body
    assert isinstance(call, ast.Call)
    call.args[0] = value
    return ast.Expr(call)


def compare(value: object, expected: object) -> None:
    """Fail if a value is not what the page says."""
    assert value == expected, f"expected {expected!r}, got {value!r}"


def _pattern(expected: str) -> str:
    """Return the pattern of what is expected; a line of dots stands for any lines."""
    pattern, end = "", 0
    for found in _ANY.finditer(expected):
        assert found.lastgroup is not None
        pattern += re.escape(expected[end : found.start()]) + _MATCHES[found.lastgroup]
        end = found.end()
    return pattern + re.escape(expected[end:])


def _is_there(name: str) -> bool:
    if name == "root":
        return os.geteuid() == 0
    return find_spec(name) is not None or shutil.which(name) is not None


def _check_yaml(text: str) -> None:
    """Parse YAML; a tree, or a part of one, has no mistakes."""
    data = yaml.safe_load(text)
    if isinstance(data, dict) and "children" in data:
        _check_tree(text)
    elif isinstance(data, list) and all("id" in each for each in data):
        _check_tree("children:\n" + text)


def _check_tree(text: str) -> None:
    file = Path("part-of-a-page.yaml")
    file.write_text(text if "name:" in text.partition("children:")[0] else f"name: page\n{text}")
    load(file, check_imports=False)


_PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "python": ast.parse,
    "yaml": _check_yaml,
    "json": json.loads,
    "toml": tomllib.loads,
    "ini": configparser.ConfigParser(strict=False, interpolation=None).read_string,
}


class _at(contextlib.AbstractContextManager["_at"]):  # noqa: N801 - reads like a word
    """Add to a failure where in the page it is."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            error.add_note(f"at {self._place}")
