"""The workers of configs/shop.yaml: a shop with a catalogue, orders and a mailroom."""

import sys

from otpy import Call, Caller, GenServer, Refused, call, cast, receive


class Catalogue(GenServer):
    """The goods for sale, and how many of each are in stock."""

    def init(self, stock: dict[str, int]) -> None:
        """Add the first delivery."""
        self.stock = dict(stock)

    @call
    def available(self, item: str) -> int:
        """Return how many there are."""
        return self.stock.get(item, 0)

    @call
    def take(self, item: str, amount: int = 1) -> int:
        """Remove some, and return how many are left."""
        if self.stock.get(item, 0) < amount:
            raise Refused(f"only {self.stock.get(item, 0)} {item} left")
        self.stock[item] -= amount
        return self.stock[item]

    @cast
    def deliver(self, item: str, amount: int) -> None:
        """Put some in."""
        self.stock[item] = self.stock.get(item, 0) + amount


class Orders(GenServer):
    """The orders of the day, in memory."""

    def init(self) -> None:
        """Begin the day."""
        self.orders: list[object] = []

    def handle_call(self, request: object, caller: Caller) -> object:
        """Answer ``("place", order)`` with its number, and ``"count"``."""
        match request:
            case ("place", order):
                self.orders.append(order)
                return len(self.orders)
            case "count":
                return len(self.orders)
        return super().handle_call(request, caller)


def mailroom(name: str) -> None:
    """Send out what is cast to it; a worker that is a plain function."""
    sent = 0
    while True:
        match receive():
            case Call(request="sent", caller=caller):
                caller.reply(sent)
            case Call(request=request, caller=caller):
                caller.reply(f"{name} does not know {request!r}")
            case parcel:
                sent += 1
                sys.stdout.write(f"{name}: sent {parcel!r}\n")


def take_inventory() -> None:
    """Count everything once: the work of a transient child, which then ends for good."""
    sys.stdout.write("inventory: all there\n")


def watch_door() -> None:
    """Wait for a visitor, for as long as it takes: a temporary child, never started again."""
    receive()
