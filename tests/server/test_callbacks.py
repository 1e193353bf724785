"""Which servers need an event loop (4.6)."""

import pytest

from otpy import GenServer
from otpy.events import ChildEnded
from otpy.server.callbacks import is_async
from tests.support import async_workers, loop_workers
from tests.support.node import Nodes

ASYNC = ["Overridden", "Passing", "Wrapped", "Mixed", "Partial", "Static"]


@pytest.mark.parametrize("name", ASYNC)
def test_a_server_is_async_by_what_would_be_called(name: str) -> None:
    assert is_async(getattr(loop_workers, name))


@pytest.mark.parametrize(
    "server",
    [
        loop_workers.Helped,
        loop_workers.PlainAgain,
        loop_workers.HiddenLater,
        loop_workers.Behind,
        GenServer,
    ],
)
def test_a_server_is_plain_whatever_helpers_it_has(server: type[GenServer]) -> None:
    assert not is_async(server)


def test_init_counts() -> None:
    assert is_async(async_workers.FailsToStart)


def test_each_answers_as_it_should(nodes: Nodes) -> None:
    plain = ["Helped", "PlainAgain", "Behind"]
    names = [*ASYNC, *plain, "Hidden", "HiddenLater"]
    children = "".join(
        f"\n          - {{id: {name}, start: 'tests.support.loop_workers:{name}'}}"
        for name in names
    )
    node = nodes.run(f"""
        name: loops
        children:{children}
        """)
    for name in [*ASYNC, *plain]:
        assert node.call(name, "double", 4) == 8, name
    assert node.call("Helped", "treble", 4) == 12
    assert node.call("Hidden", "hello") == ["answer to", "hello", True]
    later = node.client["HiddenLater"]
    assert later.call("is_on_a_loop") is False
    for number in range(3):
        later.cast("note", number)
    assert later.call("notes") == [0, 1, 2]
    assert later.call("is_on_a_loop") is True
    for name in ("Hidden", "HiddenLater"):
        node.client[name].stop("enough")
        node.says(rf"^{name} *. terminated enough$")
        assert node.next(ChildEnded, path=name).reason == "enough"
