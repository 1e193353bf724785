"""Number 6: the plugin, by runs of pytest in processes of their own."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import DEADLINE_S

pytest_plugins = ["pytester"]

SHOP: Final = """
from otpy import GenServer, call

class Stock(GenServer):
    def init(self, apples=0):
        print("stock has", apples)
        self.apples = apples

    @call
    def take(self, amount):
        self.apples -= amount
        return self.apples
"""
TREE: Final = """
name: shop
children:
  - id: stock
    start: shop:Stock
    args: {apples: 10}
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    for name in ("PYTEST_ADDOPTS", "OTPY_DIR"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(shop=SHOP)
    (pytester.path / "shop.yaml").write_text(TREE)
    return pytester


def run(project: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    project.makepyfile(test_shop=text)
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options, timeout=3 * DEADLINE_S)


def test_ten_lines_test_a_tree(project: pytest.Pytester) -> None:
    """Killed processes, waits, both ways to name a tree, asyncio; on two processes of xdist."""
    result = run(
        project,
        """
        import asyncio, os
        import otpy, pytest
        from otpy.events import ChildEnded, NodeStarted
        from shop import Stock

        pytestmark = pytest.mark.otpy_tree("shop.yaml")

        def test_a_killed_server_is_there_again(otpy_node):
            assert otpy_node["stock"].call("take", 3) == 7
            pid = otpy_node.kill("stock")
            assert otpy_node["stock"].call("take", 1) == 9
            again = otpy_node.wait_restarted("stock")
            assert (again.incarnation, again.pid) != (1, pid)
            assert otpy_node.wait_event(ChildEnded, path="stock").reason == "killed"

        def test_the_root_and_the_gateway_come_back(otpy_node):
            for name in ("", "@gateway"):
                otpy_node.kill(name)
                assert otpy_node.wait_restarted(name).state == "running"
            assert otpy_node.wait_restarted("stock").incarnation == 2
            otpy_node.wait_event(NodeStarted)

        SLEEP = {"id": "sleep", "command": ["sleep", "99"]}

        @pytest.mark.otpy_tree([{"id": "mine", "start": Stock}, SLEEP])
        def test_the_closest_tree_counts(otpy_node):
            assert otpy_node.wait_ready("sleep").kind == "command"
            assert "stock has 0" in otpy_node.output
            assert otpy.connect().name == otpy_node.name

        def test_several_nodes(otpy_run):
            one, other = otpy_run("shop.yaml"), otpy_run("shop.yaml", name="other")
            assert one["stock"].call("take", 1) == other["stock"].call("take", 1) == 9

        def test_on_a_loop(otpy_node):
            async def take():
                async with otpy_node.aio() as node:
                    return await node["stock"].call("take", 2)
            assert asyncio.run(take()) == 8

        def test_the_end_of_the_node_is_no_failure(otpy_node):
            otpy_node.kill("@node")
            with pytest.raises(AssertionError, match="not restarted: the node has ended"):
                otpy_node.wait_restarted("stock")
        """,
        "--strict-markers",
        "-Werror",
        "-n",
        "2",
    )
    result.assert_outcomes(passed=6)


def test_what_fails_shows_why(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        import os, subprocess, sys
        import otpy.testing, pytest

        STUCK = [{"id": "x", "command": ["sh", "-c", "echo from the child; exec sleep 99"]}]

        @pytest.mark.otpy_tree("shop.yaml")
        def test_too_late(otpy_node):
            otpy_node.wait_restarted("stock", timeout=0.2)

        @pytest.mark.otpy_tree([{"id": "x", "command": ["true"], "restart": "temporary"}])
        def test_not_there(otpy_node):
            otpy_node.kill("nothing")

        def test_no_tree(otpy_node): pass

        @pytest.mark.otpy_tree([{"id": "a", "start": "shop:Stok"}])
        def test_bad_tree(otpy_node): pass

        @pytest.mark.otpy_tree([{"id": "a", "start": "shop:Stock", "args": {"apples": []}}])
        def test_passes_and_leaves_another_node(otpy_node):
            command = [sys.executable, "-m", "otpy", "run", "shop.yaml"]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert any("shop is up" in line for line in process.stdout)
        """,
    )
    result.assert_outcomes(failed=2, errors=3, passed=1)
    for line in (
        "*AssertionError: 'stock' was not restarted within 0.2 s",
        "*the last events were:",
        "*-- otpy node shop --*",
        "*stock | stock has 10",
        "*AssertionError: nothing to kill: 'nothing' is not in the tree",
        "otpy_node needs a tree: @pytest.mark.otpy_tree(TREE)*",
        "*'shop' has no attribute 'Stok'; did you mean 'Stock'?",
        "*LeftOver: left over:",
        "*node 'shop', which runs",
    ):
        result.stdout.fnmatch_lines_random([line])


def test_a_leftover_process_is_found_and_ended(nodes: object, tmp_path: Path) -> None:
    """It has the mark of the node, wherever it went."""
    from otpy import testing
    from otpy.testing.nodes import private_nodes

    del nodes
    started: list[subprocess.Popen[bytes]] = []

    def leave() -> None:
        with private_nodes() as private:
            private.run({"name": "x", "children": []})
            environment = {"PATH": "/usr/bin:/bin", "OTPY_MARK": _mark_of(private.folder / "x")}
            started.append(subprocess.Popen(["sleep", "1000"], env=environment))

    with pytest.raises(testing.LeftOver, match=r"process \d+ of node 'x': sleep 1000"):
        leave()
    assert [each.wait(DEADLINE_S) for each in started] == [-9]


def _mark_of(folder: Path) -> str:
    from otpy.runtime.node.orphans import _word

    return _word(folder)


def test_the_plugin_imports_nothing_before_a_test_uses_it(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
        import sys

        def test_light():
            ours = {name for name in sys.modules if name.startswith("otpy")}
            assert ours == {"otpy", "otpy.exports", "otpy.testing", "otpy.testing.plugin"}
        """,
    )
    result.assert_outcomes(passed=1)
    script = "import sys, otpy; print('pytest' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert printed.stdout == b"False\n"


def test_it_is_installed_as_a_plugin() -> None:
    (found,) = (each for each in entry_points(group="pytest11") if each.name == "otpy")
    assert found.value == "otpy.testing.plugin"
