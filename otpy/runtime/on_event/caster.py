"""Cast events to a server of the tree, as any client does."""

import otpy
from otpy.errors import OtpyError
from otpy.events import Event, event_to_data


class Caster:
    """Casts ``on_event`` with each event, as a mapping, to one server.

    Args:
        node: The node's name.
        server: The server's.
        timeout: Seconds to wait for the node, and for a server that takes no messages.
    """

    def __init__(self, node: str, server: str, timeout: float) -> None:
        self._name, self._server, self._timeout = node, server, timeout
        self._node: otpy.Node | None = None

    def __call__(self, event: Event) -> str:
        """Cast an event; return what is wrong, or ""."""
        try:
            if self._node is None:
                self._node = otpy.connect(self._name, timeout=self._timeout)
            ref = self._node[self._server]
            _ = ref.pid  # waits for one that is being restarted: a cast to it would be dropped
            ref.cast("on_event", event_to_data(event), timeout=self._timeout)
        except (OtpyError, OSError, ValueError) as error:
            return str(error) or type(error).__name__
        return ""
