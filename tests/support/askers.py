"""Those who may ask a server: a client or a worker, with an event loop or without one.

What one of them can do, all can, in the same words: `do` takes the name of a function of `otpy`
(`call`, `stop`, `sys.get_state` ...) that a worker calls with the server's name first.
"""

import abc
import asyncio
import builtins
import inspect
from textwrap import dedent
from typing import Any, Final

import msgspec
import pytest

import otpy
import otpy.aio
from otpy.links.protocol import error_of
from tests.support.node import NodeUnderTest

ASKERS: Final = ("client", "worker", "aio-client", "aio-worker")

_CHILDREN: Final = {
    "worker": """
  - {id: worker, start: "tests.support.asking_workers:Asking", args: [WORK/log]}""",
    "aio-worker": """
  - {id: aio-worker, start: "tests.support.async_asking_workers:AsyncAsking", args: [WORK/log]}""",
}

SHAPES: Final[dict[str, Any]] = {
    "sys.statistics": otpy.Statistics,
    "lookup": list[otpy.Registered],
    "supervisor.which_children": list[otpy.ChildInfo],
    "supervisor.count_children": otpy.ChildCounts,
    "supervisor.start_child": otpy.ChildInfo,
    "supervisor.restart_child": otpy.ChildInfo,
    "supervisor.start_children": list[otpy.ChildInfo | list[Any]],
}
"""What a worker returns, and a client has as plain data from it."""

_OF_A_NODE: Final = frozenset({"multi_call", "abcast", "lookup", "dispatch"})


def with_askers(tree: str, *askers: str) -> str:
    """Add those of them that are workers to a tree, whose last children are the root's.

    Args:
        tree: As YAML.
        askers: The only ones that are needed; without these, all.
    """
    children = (_CHILDREN.get(each, "") for each in askers or ASKERS)
    return dedent(tree).rstrip() + "".join(children) + "\n"


def needed(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Return the one of `ASKERS` that the test's parameter `who` is, or all if it has none."""
    parameters = getattr(getattr(request.node, "callspec", None), "params", {})
    return (parameters["who"],) if "who" in parameters else ASKERS


def asker(who: str, node: NodeUnderTest) -> "Asker":
    """Be one of `ASKERS`."""
    if who == "client":
        return _Client(node)
    return _AsyncClient(node) if who == "aio-client" else _Worker(node, who)


class Asker(abc.ABC):
    """Asks servers of a node's tree.

    Attributes:
        path: Its own, if it is a worker.
    """

    path: str | None = None

    def __init__(self, node: NodeUnderTest) -> None:
        self.node = node
        assert node.client  # made now, since several threads may ask

    @abc.abstractmethod
    def do(self, what: str, *args: Any, **options: Any) -> Any:
        """Do it; return or raise what comes of it."""

    def call(self, name: str, *request: Any, timeout: float | None = None) -> Any:
        """Call a server."""
        return self.do("call", name, *request, timeout=timeout)

    def cast(self, name: str, *request: Any) -> None:
        """Cast to a server."""
        self.do("cast", name, *request)


def _method(node: Any, what: str, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    if what.startswith("Agent."):
        name, *rest = args
        agents: Any = otpy.Agent if isinstance(node, otpy.Node) else otpy.aio.Agent
        return getattr(agents, what.removeprefix("Agent.")), (node[name], *rest)
    if what.startswith("supervisor."):
        path, *rest = args
        return getattr(node.supervisor(path), what.removeprefix("supervisor.")), tuple(rest)
    if what in _OF_A_NODE:
        return getattr(node, what), args
    name, *rest = args
    return getattr(node[name], what.removeprefix("sys.")), tuple(rest)


class _Client(Asker):
    def do(self, what: str, *args: Any, **options: Any) -> Any:
        method, rest = _method(self.node.client, what, args)
        result = method(*rest, **options)
        return result.result(None) if isinstance(result, otpy.Pending) else result


class _AsyncClient(Asker):
    def do(self, what: str, *args: Any, **options: Any) -> Any:
        async def do() -> Any:
            async with otpy.aio.connect(self.node.name) as node:
                method, rest = _method(node, what, args)
                result = method(*rest, **options)
                result = await result if inspect.isawaitable(result) else result
                return await result.result(None) if isinstance(result, otpy.aio.Pending) else result

        return asyncio.run(do())


class _Worker(Asker):
    def __init__(self, node: NodeUnderTest, path: str) -> None:
        super().__init__(node)
        self.path = self._path = path

    def do(self, what: str, *args: Any, **options: Any) -> Any:
        told = self.node.client[self._path].call("do", what, args, options, timeout=None)
        result = answer(told)
        if what == "multi_call":
            return result[0], {name: error_of(*each[1:]) for name, each in result[1].items()}
        result = msgspec.convert(result, SHAPES[what]) if what in SHAPES else result
        if what in {"supervisor.start_children", "supervisor.terminate_children"}:
            return [error_of(*each[1:]) if isinstance(each, list) else each for each in result]
        return result


def answer(told: list[Any]) -> Any:
    """Return or raise what a worker tells."""
    match told:
        case "answer", value:
            return value
        case "error", ("TypeError" | "ValueError") as name, arguments:
            raise getattr(builtins, name)(*arguments)
        case _, name, arguments:
            raise error_of(name, arguments)
