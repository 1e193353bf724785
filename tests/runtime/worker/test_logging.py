"""`logging` and `warnings` in workers: records without set-up; the user's own set-up wins."""

import re

import pytest

from tests.support.node import Nodes, NodeUnderTest

LOGS = """
import asyncio, atexit, logging, multiprocessing, sys, threading, warnings
import otpy

log = logging.getLogger("shop.orders")
logging.getLogger("library").addHandler(logging.NullHandler())
log.info("imported")
log.debug("not to be seen")

class Server(otpy.GenServer):
    def init(self):
        log.info("init of %s", self.name)
    @otpy.call
    def say(self):
        log.warning("with extra", extra={"order": 7})
        logging.info("of the root")
        logging.getLogger("library").info("of a library")
        log.log(25, "of level 25")
        log.info("x" * 10_000 + " long")
        try:
            raise ValueError("no such order")
        except ValueError:
            log.exception("failed")
        log.info("stack", stack_info=True)
        log.info("\\x1b[2J\\udcff")
        log.info("%d", "no number")
        thread = threading.Thread(target=log.info, args=("of a thread",))
        thread.start()
        thread.join()
        child = multiprocessing.get_context("fork").Process(target=log.info, args=("of a fork",))
        child.start()
        child.join()
        warnings.warn("old")
        atexit.register(log.info, "at exit")
        atexit.register(logging.shutdown)

class Async(otpy.GenServer):
    async def init(self):
        log.info("of async")

def function():
    log.info("of a function")

def slow():
    import time
    time.sleep(1000)
"""

LATE = """
import sys, warnings
import otpy

class Late(otpy.GenServer):
    @otpy.call
    def say(self):
        had = "logging" in sys.modules
        warnings.warn("before logging")
        assert not had and "logging" not in sys.modules
        import logging
        logging.getLogger("late").info("imported late")
        sys.stderr.write("printed\\n")
"""

TREE = """
name: app
cwd: WORK
children:
  - {id: server, start: "logs:Server"}
  - {id: other, start: "logs:Async"}
  - {id: late, start: "late:Late"}
  - {id: f, start: "logs:function", restart: temporary}
"""


def lines(node: NodeUnderTest, path: str, last: str) -> list[str]:
    """Return what the child at `path` has printed, up to the line that matches `last`."""
    node.says(rf"^{path} \| {last}$")
    return re.findall(rf"^{path} \| (.*)", node.output, re.MULTILINE)


@pytest.fixture
def node(nodes: Nodes) -> NodeUnderTest:
    (nodes.work / "logs.py").write_text(LOGS)
    (nodes.work / "late.py").write_text(LATE)
    return nodes.run(TREE)


def test_logging_works_without_set_up(node: NodeUnderTest) -> None:
    node.call("server", "say")
    seen = lines(node, "server", "WARNING py.warnings: .*logs.py:.* UserWarning: old")
    for expected in (
        "INFO shop.orders: imported",
        "INFO shop.orders: init of server",
        "WARNING shop.orders: with extra",
        "INFO root: of the root",
        "INFO library: of a library",
        "Level 25 shop.orders: of level 25",
        "INFO shop.orders: " + "x" * 10_000 + " long",
        "ERROR shop.orders: failed",
        "ValueError: no such order",
        "INFO shop.orders: stack",
        "Stack (most recent call last):",
        r"INFO shop.orders: \x1b[2J\udcff",
        "INFO shop.orders: of a thread",
        "INFO shop.orders: of a fork",
    ):
        assert seen.count(expected) == 1, expected
    assert "not to be seen" not in node.output
    assert "--- Logging error ---" in seen  # as `logging` itself says of the caller's mistake
    lines(node, "other", "INFO shop.orders: of async")
    lines(node, "f", "INFO shop.orders: of a function")
    assert node.stop() == 0
    lines(node, "server", "INFO shop.orders: at exit")


def test_who_does_not_log_does_not_import_it(node: NodeUnderTest) -> None:
    node.call("late", "say")
    seen = lines(node, "late", "printed")
    assert re.fullmatch(r"WARNING py.warnings: .*late.py:9: UserWarning: before logging", seen[0])
    assert seen[-2:] == ["INFO late: imported late", "printed"]


OWN = {
    "basic": "logging.basicConfig()",
    "formatted": "logging.basicConfig(level='INFO', format='%(message)s')",
    "forced": "logging.basicConfig(level='INFO', force=True)",
    "dict": """logging.config.dictConfig({'version': 1, 'disable_existing_loggers': False,
        'handlers': {'h': {'class': 'logging.StreamHandler'}},
        'root': {'level': 'INFO', 'handlers': ['h']}})""",
    "root": "root = logging.getLogger(); root.setLevel('INFO'); root.addHandler(handler)",
    "asked": "logging.getLogger().handlers or logging.basicConfig(level='INFO')",
    "logger": "log.addHandler(handler)",
    "alone": "log.addHandler(handler); log.propagate = False",
    "taken": "logging.root.handlers = [handler]",
    "level": "logging.root.setLevel('WARNING')",
}


@pytest.mark.parametrize("place", ["module", "init"])
def test_the_users_own_set_up_wins(nodes: Nodes, place: str) -> None:
    children = ""
    for name, code in OWN.items():
        module, init = (code, "pass") if place == "module" else ("pass", code)
        (nodes.work / f"own_{name}.py").write_text(f"""
import logging, logging.config
import otpy

log = logging.getLogger("shop")
handler = logging.StreamHandler()
{module}

class Server(otpy.GenServer):
    def init(self):
        {init}
        log.info("hello")
        log.error("bad")
""")
        children += f"  - {{id: {name}, start: 'own_{name}:Server'}}\n"
    node = nodes.run(f"name: app\ncwd: WORK\nchildren:\n{children}")
    assert node.stop() == 0
    stream = ["INFO:shop:hello", "ERROR:shop:bad"]
    expected = {
        "basic": ["ERROR:shop:bad"],
        "formatted": ["hello", "bad"],
        "forced": stream,
        "dict": ["hello", "bad"],
        "root": ["hello", "bad"],
        "asked": stream,
        "logger": ["hello", "bad"],
        "alone": ["hello", "bad"],
        "taken": ["hello", "bad"],
        "level": ["ERROR shop: bad"],
    }
    seen = {name: re.findall(rf"^{name} \| (.*)", node.output, re.MULTILINE) for name in OWN}
    assert seen == expected


LEVELS = """
name: app
cwd: WORK
log_level: error
children:
  - {id: above, start: "levels:Server"}
  - {id: own, start: "levels:Server", log_level: DEBUG}
  - {id: number, start: "levels:Server", log_level: 30}
  - {id: basic, start: "levels:Basic", log_level: DEBUG}
"""


def test_the_level_is_the_trees(nodes: Nodes) -> None:
    (nodes.work / "levels.py").write_text("""
import logging, warnings
import otpy

class Server(otpy.GenServer):
    def init(self):
        warnings.warn("old")
        for level in ("debug", "info", "warning", "error"):
            getattr(logging, level)(level)

class Basic(otpy.GenServer):
    def init(self):
        logging.basicConfig(format="mine: %(message)s")
        logging.debug("debug")
""")
    node = nodes.run(LEVELS)
    assert node.stop() == 0
    seen = {
        name: re.findall(rf"^{name} \| (?:\w+ root|mine): (.*)", node.output, re.MULTILINE)
        for name in ("above", "own", "number", "basic")
    }
    assert seen == {
        "above": ["error"],
        "own": ["debug", "info", "warning", "error"],
        "number": ["warning", "error"],
        "basic": ["debug"],
    }
    assert re.findall(r"^(\w+) \| WARNING py.warnings", node.output, re.MULTILINE) == [
        "own",
        "number",
    ]
