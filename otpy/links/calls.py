"""Calls and casts by a reference, written by hand: they are the hot path."""

import time
from typing import TYPE_CHECKING, Any, Final

from otpy.errors import CallTimeout
from otpy.links.deadline import DEFAULT_TIMEOUT_S, TooLate, deadline_of, poll_ms
from otpy.links.link import Link
from otpy.links.link_resolver import LinkResolver
from otpy.links.protocol import Reply, error_of
from otpy.links.waiter import Lost, NotDelivered

_clock: Final = time.monotonic
_DEFAULT_MS: Final = DEFAULT_TIMEOUT_S * 1000


class Calls:
    """The part of a reference that calls and casts; `Ref` has the rest."""

    name: str
    _node: LinkResolver
    _link: Link | None

    if TYPE_CHECKING:

        def _ready_link(self, deadline: float | None, key: object = None) -> Link:
            """As `Ref._ready_link`."""

        def _drop(self, link: Link) -> None:
            """As `Ref._drop`."""

        def _call_once(
            self, message: object, key: object, timeout: float | None, request_id: str | None
        ) -> Any:
            """As `Ref._call_once`."""

        def _cast(self, what: Any, deadline: float | None, key: object, *, many: bool) -> None: ...

    def call(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
        once: bool = False,
        request_id: str | None = None,
    ) -> Any:
        """Send a request and wait for the reply; wait for a process that is being restarted.

        A request that the process never read goes to its next incarnation; one that it may
        have read is never sent again.

        Args:
            request: Any value that MessagePack can carry.
            args: If there are any, ``(request, *args)`` is sent.
            key: If the process has `instances`: the same key goes to the same instance, and
                without one (None) the least busy is picked. Others ignore it.
            timeout: Seconds above zero, or None for ever.
            once: Of a durable server: repeat the call within the timeout, if the process or the
                node dies meanwhile; it is applied once.
            request_id: Repeats an earlier call with ``once``: the `request_id` of its error.

        Raises:
            CallTimeout: No reply in time; a late one is dropped.
            ProcessDown: The process died before it answered.
            NoProcess: There is no such process, or it is stopped for good.
            NodeNotFound: The node is gone.
            Refused: The server said no.
            UnknownRequest: The server has no handler for this request.
            NotSendable: MessagePack cannot carry the request, the key or the reply.
            FrameTooLarge: The request or the reply is over `max_frame`.
        """
        if once or request_id is not None:
            return self._call_once((request, *args) if args else request, key, timeout, request_id)
        if timeout is DEFAULT_TIMEOUT_S:  # as nearly always
            deadline: float | None = _clock() + DEFAULT_TIMEOUT_S
            wait_ms: float | None = _DEFAULT_MS
        else:
            deadline = deadline_of(timeout)
            wait_ms = poll_ms(deadline)
        message = (request, *args) if args else request
        link = self._link
        try:
            while True:
                if link is None or not link.open or not link.handshake_done:
                    link = self._ready_link(deadline, key)
                    wait_ms = poll_ms(deadline)
                try:
                    answer = link.call(message, deadline, wait_ms)
                    break
                except NotDelivered:
                    self._drop(link)
                except Lost:
                    self._drop(link)
                    raise self._node._down_error(link, deadline) from None
        except TooLate:
            raise CallTimeout(f"{self.name!r} did not answer within {timeout:g} s") from None
        if isinstance(answer, Reply):
            return answer.value
        raise error_of(answer.error, answer.arguments)

    def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer. One to a process that is down is dropped.

        Args:
            request: Any value that MessagePack can carry.
            args: If there are any, ``(request, *args)`` is sent.
            key: As `call`'s.
            timeout: Seconds to wait while the process takes no messages, or None for ever.

        Raises:
            CallTimeout: The process lives, but took no messages in time.
            NotSendable: MessagePack cannot carry the request.
            FrameTooLarge: It is over `max_frame`.
        """
        if timeout is not DEFAULT_TIMEOUT_S:
            deadline_of(timeout)  # a wrong one is told in any case
        message = (request, *args) if args else request
        link = self._link
        try:
            if link is not None and link.open:  # as nearly always
                try:
                    rest = link.cast_at_once(message)
                    if rest is not None:
                        link.cast_frame(rest, deadline_of(timeout))
                except NotDelivered:
                    self._drop(link)
                else:
                    return
            self._cast(message, deadline_of(timeout), key, many=False)
        except TooLate:
            raise CallTimeout(f"{self.name!r} took no messages within {timeout:g} s") from None
