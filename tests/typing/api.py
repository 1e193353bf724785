"""Uses of the public names that mypy checks; never run.

A ``type: ignore`` here says that a mistake has to be found: mypy complains of one too many.
"""

from typing import Any, assert_type

import otpy
import otpy.aio
import otpy.testing
from otpy import GenServer, call, cast
from otpy.examples.counter import Counter


class Stock(GenServer):
    """With marked methods."""

    def init(self, *, items: int = 0) -> None:
        self.items = items

    @call
    def take(self, item: str, count: int = 1) -> list[str]:
        self.items -= count
        return [item] * count

    @cast
    def put(self, count: int) -> None:
        self.items += count


def programs() -> None:
    with otpy.run([{"id": "stock", "start": Stock}], stdout=2, timeout=5) as node:
        assert_type(node, otpy.Node)
    with otpy.testing.run("shop.yaml") as tested:
        assert_type(tested, otpy.testing.NodeUnderTest)
        assert_type(tested.kill("stock"), int)
        assert_type(tested.wait_restarted("stock"), otpy.ProcessInfo)
        assert_type(tested.wait_event(otpy.events.ChildEnded), otpy.events.ChildEnded)


async def programs_on_a_loop() -> None:
    async with otpy.aio.run({"children": []}) as node:
        assert_type(node, otpy.aio.Node)


def clients(node: otpy.Node) -> None:
    counter = node["counter"]
    assert_type(counter, otpy.Ref)
    assert_type(counter.call("increment", 5, timeout=None), Any)
    assert_type(counter.pid, int)
    assert_type(counter.send_request("get_count"), otpy.Pending)
    assert_type(node.multi_call(["a"], "get"), tuple[dict[str, Any], dict[str, otpy.OtpyError]])
    assert_type(node.tree(), otpy.ProcessInfo)
    assert_type(node.supervisor().which_children(), list[otpy.ChildInfo])
    counter.call("increment", timeout="5")  # type: ignore[arg-type]


def proxies(node: otpy.Node) -> None:
    stock = node.proxy("stock", Stock, timeout=None)
    assert_type(stock, Stock)
    assert_type(stock.take("apple"), list[str])
    assert_type(stock.take("apple", count=2), list[str])
    stock.put(5)
    stock.take(5)  # type: ignore[arg-type]
    stock.take()  # type: ignore[call-arg]
    stock.put("five")  # type: ignore[arg-type]
    stock.steal()  # type: ignore[attr-defined]
    assert_type(node.proxy("counter", Counter), Counter)


def workers() -> None:
    stock = otpy.proxy("stock", Stock, timeout=None)
    assert_type(stock.take("apple"), list[str])
    stock.take(5)  # type: ignore[arg-type]
    stock.steal()  # type: ignore[attr-defined]
    assert_type(otpy.sys.statistics("stock"), otpy.Statistics)
    assert_type(otpy.sys.replace_state("stock", {"items": 5}), Any)
    otpy.stop("stock", ("shutdown", "for lunch"), timeout=None)
    assert_type(otpy.supervisor("pool").start_child(args=[1]), otpy.ChildInfo)
    otpy.stop("stock", timeout="5")  # type: ignore[arg-type]


class Timed(GenServer):
    """With timers."""

    def init(self) -> otpy.Timeout:
        self.timer = self.send_after(1.0, "tick")
        return otpy.Timeout(5.0)

    def handle_info(self, message: object) -> otpy.Stop | None:
        assert_type(self.cancel_timer(self.timer), float | None)
        self.cancel_timer("tick")  # type: ignore[arg-type]
        return otpy.Stop("normal") if message == "timeout" else None


async def asyncio_workers() -> None:
    assert_type(await otpy.aio.monitor("stock"), int)
    assert_type(await otpy.aio.sys.statistics("stock"), otpy.Statistics)
    assert_type(await otpy.aio.whereis("stock"), int | None)
    assert_type(await otpy.aio.proxy("a", Awaiting).take("apple"), list[str])
    assert_type(await otpy.aio.tasks.async_(len, "apple"), otpy.aio.tasks.Task)
    assert_type(await otpy.aio.supervisor().which_children(), list[otpy.ChildInfo])
    await otpy.aio.stop("stock", timeout="5")  # type: ignore[arg-type]


async def asyncio_clients() -> None:
    async with otpy.aio.connect("node") as node:
        assert_type(node, otpy.aio.Node)
        assert_type(await node["a"].call("get"), Any)
        assert_type(await node["a"].pid, int)
        assert_type(await (await node["a"].send_request("get")).result(), Any)
        assert_type(await node.tree(), otpy.ProcessInfo)
        assert_type(await node.supervisor().count_children(), otpy.ChildCounts)
        assert_type(await node.proxy("a", Awaiting).take("apple"), list[str])
        async for event in node.events(follow=True):
            assert_type(event.at, float)


class Awaiting(GenServer):
    """With async methods."""

    async def init(self) -> otpy.Continue:
        return otpy.Continue("later")

    @call
    async def take(self, item: str) -> list[str]:
        return [item]

    async def terminate(self, reason: str) -> None:
        await self.take(reason)
