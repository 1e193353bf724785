"""A state, and functions that are applied to it where it is (Elixir's Agent)."""

from collections.abc import Callable
from typing import Any, Final

from otpy.errors import UnknownRequest
from otpy.server.agent_calls import AgentCalls
from otpy.server.caller import Caller
from otpy.server.functions import is_target, resolve
from otpy.server.genserver import GenServer
from otpy.server.results import Reply

_A_PAIR: Final = 2


class Agent(AgentCalls, GenServer):
    """A process that keeps a state, for what is too small for a server of its own.

    In a tree ``start: otpy:Agent``; its ``args`` are the state, or the name of the function
    that makes it with that function's arguments. Functions run in the agent, one at a time. One
    that raises ends it, as in any server, and its caller gets `ProcessDown`; one that cannot be
    found is `UnknownRequest`, and the state is intact.

    The functions of this class talk to an agent: from a client by a `Ref`, from a worker of its
    tree by its name, too. A client sends functions by their names; between workers any that
    pickle carries will do, ``functools.partial`` included. Their arguments are `Ref.call`'s.
    """

    def init(self, *start: Any, state: Any = None) -> None:
        """Initialize the state.

        Args:
            start: ``module:function`` and its arguments, or one value that is the state.
            state: The state, if it could be taken for a function's name.
        """
        if start and is_target(start[0]):
            self.state = resolve(start[0])(*start[1:])
        elif len(start) > 1:
            raise TypeError("an agent's args are its state, or a module:function and arguments")
        else:
            self.state = start[0] if start else state

    def handle_call(self, request: object, caller: Caller) -> object:
        """Apply a function: ``("get", function, *args)``, and so with `update` and the others."""
        match request:
            case ("get", function, *args):
                return Reply(_found(function)(self.state, *args))
            case ("update", function, *args):
                self.state = _found(function)(self.state, *args)
                return None
            case ("get_and_update", function, *args):
                return self._get_and_update(_found(function), args)
        return super().handle_call(request, caller)

    def handle_cast(self, request: object) -> object:
        """Apply a function, as a call of `update` does."""
        match request:
            case ("update", function, *args):
                self.state = _found(function)(self.state, *args)
                return None
        return super().handle_cast(request)

    def _get_and_update(self, function: Callable[..., Any], args: list[Any]) -> object:
        result = function(self.state, *args)
        if not isinstance(result, tuple | list) or len(result) != _A_PAIR:
            raise TypeError(f"{function!r:.100} returned {result!r:.100}, expected (value, state)")
        value, self.state = result
        return Reply(value)


def _found(function: object) -> Callable[..., Any]:
    """Return the function that a request names.

    Raises:
        UnknownRequest: There is none.
    """
    if callable(function):
        return function
    if not is_target(function):
        raise UnknownRequest(f"got {function!r:.100}, expected a function's name, module:function")
    try:
        found = resolve(str(function))
    except Exception as error:  # noqa: BLE001  # whatever its module raised
        raise UnknownRequest(f"{function} cannot be imported: {error!r:.200}") from None
    if not callable(found):
        raise UnknownRequest(f"{function} is no function")
    return found  # type: ignore[no-any-return]
