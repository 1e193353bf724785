"""The counter: the first GenServer that a newcomer sees."""

from otpy import Caller, GenServer, Refused


class Counter(GenServer):
    """A count that callers increment and read."""

    def init(self, initial: int = 0) -> None:
        """Start at `initial`."""
        self.count = initial

    def handle_call(self, request: object, caller: Caller) -> object:
        """Answer ``("increment", amount)``, ``"get_count"`` and ``("divide", by)``."""
        match request:
            case ("increment", int(amount)) if amount > 0:
                self.count += amount
                return self.count
            case ("increment", int() | float()):
                raise Refused("amount must be a positive whole number")
            case "get_count":
                return self.count
            case ("divide", int(by)):
                self.count //= by  # by zero: let it crash, the supervisor knows what to do
                return self.count
        return super().handle_call(request, caller)
