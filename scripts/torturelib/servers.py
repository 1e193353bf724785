"""The durable servers that are tortured."""

from random import Random

import otpy
from otpy import GenServer, call

ACCOUNTS = 20
BALANCE = 1000


class Counts(GenServer):
    """A count for each client."""

    counts: dict[int, int]

    def init(self) -> None:
        """Begin with none."""
        self.counts = {}

    @call
    def increment(self, client: int) -> int:
        """Count one more for a client."""
        self.counts[client] = self.counts.get(client, 0) + 1
        return self.counts[client]

    @call
    def count(self, client: int) -> int:
        """Return how many there are of a client."""
        return self.counts.get(client, 0)


class AsyncCounts(GenServer):
    """The same, on an event loop."""

    counts: dict[int, int]

    async def init(self) -> None:
        """Begin with none."""
        self.counts = {}

    @call
    async def increment(self, client: int) -> int:
        """Count one more for a client."""
        self.counts[client] = self.counts.get(client, 0) + 1
        return self.counts[client]

    @call
    async def count(self, client: int) -> int:
        """Return how many there are of a client."""
        return self.counts.get(client, 0)


class Bank(GenServer):
    """Accounts between which money is moved."""

    moves: dict[int, int]
    accounts: otpy.Table[int, int]

    def init(self) -> None:
        """Open the accounts."""
        self.moves = {}
        self.accounts = otpy.Table()
        for number in range(ACCOUNTS):
            self.accounts[number] = BALANCE
        self._random = Random()  # noqa: S311

    def resumed(self) -> None:
        """Choose anew."""
        self._random = Random()  # noqa: S311

    @call
    def move(self, client: int) -> int:
        """Move something from one account to another; return how often the client has."""
        payer, payee = self._random.sample(range(ACCOUNTS), 2)
        amount = self._random.randint(1, 100)
        self.accounts[payer] -= amount
        self.accounts[payee] += amount
        self.moves[client] = self.moves.get(client, 0) + 1
        return self.moves[client]

    @call
    def sum(self) -> tuple[int, int]:
        """Return the sum of all accounts, and how many moves there were."""
        return sum(self.accounts.values()), sum(self.moves.values())
