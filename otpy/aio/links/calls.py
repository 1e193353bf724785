"""Calls and casts by a reference; by hand, as the hot path that is their blocking twin."""

from typing import TYPE_CHECKING, Any

from otpy.aio.links.deadline import within
from otpy.aio.links.link import Link
from otpy.aio.links.link_resolver import LinkResolver
from otpy.links.deadline import DEFAULT_TIMEOUT_S
from otpy.links.protocol import value_of
from otpy.links.waiter import Lost, NotDelivered


class Calls:
    """The part of a reference that calls and casts; `Ref` has the rest."""

    name: str
    _node: LinkResolver

    if TYPE_CHECKING:

        async def _call_once(
            self, message: object, key: object, timeout: float | None, request_id: str | None
        ) -> Any:
            """As `Ref._call_once`."""

        async def _ready_link(self, deadline: float | None, key: object = None) -> Link:
            """As `Ref._ready_link`."""

        def _drop(self, link: Link) -> None:
            """As `Ref._drop`."""

        async def _cast(
            self, what: Any, deadline: float | None, key: object, *, many: bool
        ) -> None: ...

    async def call(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
        once: bool = False,
        request_id: str | None = None,
    ) -> Any:
        """Send a request and wait for the reply; as `otpy.Ref.call`.

        Cancelled, it leaves the server to its work; the late reply is dropped.
        """
        message = (request, *args) if args else request
        if once or request_id is not None:
            return await self._call_once(message, key, timeout, request_id)
        lost: Link
        async with within(timeout, f"{self.name!r} did not answer") as deadline:
            while True:
                link = await self._ready_link(deadline, key)
                try:
                    return value_of(await link.call(message))
                except NotDelivered:
                    self._drop(link)
                except Lost:
                    self._drop(link)
                    lost = link
                    break
        raise await self._node._down_error(lost, deadline)

    async def cast(
        self,
        request: object,
        *args: object,
        key: object = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Send a request that has no answer; as `otpy.Ref.cast`."""
        message = (request, *args) if args else request
        async with within(timeout, f"{self.name!r} took no messages") as deadline:
            await self._cast(message, deadline, key, many=False)
