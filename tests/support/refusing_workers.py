"""Servers that refuse, and servers that ask those and do not catch what they are told."""

import otpy
from otpy import Continue, GenServer, Refused, Reply, UnknownRequest, aio, call, cast, tasks


def refuse(_state: object = None) -> None:
    """Refuse, as a function of a task or an agent."""
    raise Refused("not enough")


def ask_bank(_state: object = None) -> None:
    """Ask a server that refuses, and catch nothing."""
    otpy.call("bank", "take", 5)


class Bank(GenServer):
    """Refuses."""

    @call
    def take(self, amount: int) -> None:
        raise Refused(f"not enough: {amount}")


class Shop(GenServer):
    """Asks the bank in every way, and crashes unless it says no by itself."""

    def init(self) -> None:
        self.sold = 0

    @call
    def buy(self, how: str) -> object:
        self.sold += 1
        return getattr(self, f"_{how}")()

    @cast
    def buy_later(self) -> None:
        otpy.call("bank", "take", 5)

    @call
    def go_on(self) -> object:
        self.sold += 1
        return Reply("soon", then=Continue("take"))

    @call
    def remind(self) -> None:
        self.send_after(0.0, "take")

    def handle_continue(self, argument: object) -> object:
        return otpy.call("bank", argument, 5)

    def handle_info(self, message: object) -> object:
        return otpy.call("bank", message, 5)

    def _call(self) -> None:
        otpy.call("bank", "take", 5)

    def _unknown(self) -> None:
        otpy.call("bank", "no such request")

    def _pending(self) -> None:
        otpy.send_request("bank", "take", 5).result()

    def _proxy(self) -> None:
        otpy.proxy("bank", Bank).take(5)

    def _many(self) -> None:
        raise otpy.multi_call(["bank"], "take", 5)[1]["bank"]

    def _again(self) -> None:
        try:
            otpy.call("bank", "take", 5)
        except Refused as error:
            self.error = error
        raise self.error  # the very object

    def _task(self) -> None:
        tasks.await_(tasks.async_(refuse))

    def _agent(self) -> None:
        otpy.Agent.get("agent", refuse)

    def _state(self) -> None:
        otpy.sys.replace_state("bank", {"no such attribute": 1})

    def _own(self) -> None:
        raise Refused("not today")

    def _own_unknown(self) -> None:
        raise UnknownRequest("not that")

    def _own_after_theirs(self) -> None:
        try:
            otpy.call("bank", "take", 5)
        except Refused as error:
            raise Refused(f"the bank says {error}") from error


class AsyncShop(GenServer):
    """As `Shop`, on an event loop."""

    async def init(self) -> None:
        self.sold = 0

    @call
    async def buy(self, how: str) -> object:
        self.sold += 1
        return await getattr(self, f"_{how}")()

    @cast
    async def buy_later(self) -> None:
        await aio.call("bank", "take", 5)

    @call
    async def go_on(self) -> object:
        return Reply("soon", then=Continue("take"))

    @call
    async def remind(self) -> None:
        self.send_after(0.0, "take")

    async def handle_continue(self, argument: object) -> object:
        return await aio.call("bank", argument, 5)

    async def handle_info(self, message: object) -> object:
        return await aio.call("bank", message, 5)

    async def _call(self) -> None:
        await aio.call("bank", "take", 5)

    async def _unknown(self) -> None:
        await aio.call("bank", "no such request")

    async def _pending(self) -> None:
        await (await aio.send_request("bank", "take", 5)).result()

    async def _many(self) -> None:
        raise (await aio.multi_call(["bank"], "take", 5))[1]["bank"]

    async def _task(self) -> None:
        await aio.tasks.await_(await aio.tasks.async_(refuse))

    async def _agent(self) -> None:
        await aio.Agent.get("agent", refuse)

    async def _state(self) -> None:
        await aio.sys.replace_state("bank", {"no such attribute": 1})

    async def _own(self) -> None:
        raise Refused("not today")

    async def _own_after_theirs(self) -> None:
        try:
            await aio.call("bank", "take", 5)
        except Refused as error:
            raise Refused(f"the bank says {error}") from error
