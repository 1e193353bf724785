"""What the public names and the commands import: nothing that they do not need."""

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio",
    "concurrent",
    "ctypes",
    "dataclasses",
    "difflib",
    "multiprocessing",
    "pickle",
    "psutil",
    "pydantic",
    "rich",
    "setproctitle",
    "subprocess",
    "tempfile",
    "textual",
    "yaml",
}
"""Libraries that take longer to import than a client needs for its first call."""

OTHERS_SIDE = {"otpy.aio", "otpy.config", "otpy.core", "otpy.runtime", "otpy.server", "otpy.top"}
"""Packages that a client does without."""


def is_in(module: str, packages: set[str]) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in packages)


def imported_by(script: str) -> set[str]:
    """Run a script in a new interpreter; return the modules that it imported."""
    shown = "\nimport sys; print('', 'modules:', *sys.modules, file=sys.stderr)"
    command = [sys.executable, "-I", "-c", script + shown]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(ended.stderr.partition("modules:")[2].split())


def imported_by_command(*arguments: str) -> set[str]:
    script = f"""
from otpy.cli import main
try:
    status = main({list(arguments)!r})
except SystemExit as ended:
    status = ended.code
assert not status, status"""
    return imported_by(script)


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """Return what is imported before any of our code: some of it by installed packages."""
    return imported_by("")


def unwanted(imported: set[str], bare: set[str], packages: set[str]) -> set[str]:
    return {each for each in imported - bare if is_in(each, packages)}


def test_otpy_is_a_table_of_names(bare: set[str]) -> None:
    imported = imported_by("import otpy")
    assert {each for each in imported if is_in(each, {"otpy"})} == {"otpy", "otpy.exports"}
    assert unwanted(imported, bare, HEAVY | {"click", "msgspec", "inspect", "socket"}) == set()


def test_who_defines_a_server_does_without_the_pipes_inside_a_tree(bare: set[str]) -> None:
    imported = imported_by("from otpy import GenServer, call, cast")
    others = {"otpy.aio", "otpy.config", "otpy.core", "otpy.runtime", "otpy.client"}
    wanted = {"dataclasses"}
    pipes = {"otpy.wire.control", "otpy.wire.peer"}
    assert unwanted(imported, bare, (HEAVY - wanted) | others | pipes) == set()


def test_a_client_does_without_the_servers_side(bare: set[str]) -> None:
    imported = imported_by("from otpy import connect")
    assert "otpy.client.node" in imported
    inside = {"otpy.wire.control", "otpy.wire.peer"}
    assert unwanted(imported, bare, HEAVY | OTHERS_SIDE | inside | {"click"}) == set()


@pytest.mark.usefixtures("counter")
@pytest.mark.parametrize("arguments", [("call", "counter", "get_count"), ("pid", "counter")])
def test_a_call_imports_nothing_that_it_does_not_need(
    arguments: tuple[str, ...], bare: set[str]
) -> None:
    imported = imported_by_command(*arguments)
    assert {"click", "msgspec", "otpy.client.node"} <= imported
    assert unwanted(imported, bare, HEAVY | OTHERS_SIDE | {"otpy.wire.control"}) == set()
    commands = {each for each in imported if each.startswith("otpy.cli.")}
    assert not commands & {"otpy.cli.tree", "otpy.cli.processes", "otpy.cli.check"}


def test_what_becomes_the_node_does_without_the_nodes_code(bare: set[str]) -> None:
    imported = imported_by("import otpy.runtime.node.command")
    inside = {"otpy.client", "otpy.links", "otpy.server", "otpy.wire", "otpy.runtime.supervisor"}
    assert unwanted(imported, bare, inside | {"multiprocessing", "asyncio"}) == set()


def test_the_help_imports_no_client_and_no_library(bare: set[str]) -> None:
    imported = imported_by_command("--help")
    assert "otpy.cli.tree" in imported
    assert unwanted(imported, bare, HEAVY | OTHERS_SIDE | {"otpy.client", "otpy.links"}) == set()
