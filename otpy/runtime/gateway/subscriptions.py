"""Sends events to subscribers: each as fast as it reads, so that none wait in memory."""

import time
from dataclasses import dataclass
from typing import Final

from otpy.errors import OtpyError
from otpy.events import EventsLost, event_to_data
from otpy.runtime.gateway.client_connection import Client
from otpy.runtime.recent_events import RecentEvents
from otpy.wire.paths import NODE

_MOST: Final = 64
"""Subscriptions on one connection."""

_TOO_SLOW: Final = "they were not read in time"


@dataclass(slots=True)
class Subscription:
    """A client's request for events.

    Attributes:
        client: The subscriber.
        number: Of its request.
        position: Number of the event that was sent last.
        until: Number of the last event that is wanted; None for all to come.
    """

    client: Client
    number: int
    position: int
    until: int | None


class Subscriptions:
    """Sends every subscriber the events that it has not received, as fast as it reads.

    Events that are no longer kept when a subscriber gets to them are lost for it: it is sent how
    many these are.

    Args:
        recent: Where the events are; after an append `publish` is called.
        boot: The run of the node.
    """

    def __init__(self, recent: RecentEvents, boot: str = "") -> None:
        self._recent, self._boot = recent, boot
        self._of: dict[Client, dict[int, Subscription]] = {}

    def add(self, client: Client, number: int, after: int | None, *, follow: bool) -> None:
        """Begin to send events to a client.

        Args:
            client: The client.
            number: Of its request.
            after: Number of the last one that it knows; None if it knows none, and misses none.
            follow: Whether events to come are wanted, too.

        Raises:
            OtpyError: It asks too often on one connection.
        """
        recent = self._recent
        mine = self._of.setdefault(client, {})
        if len(mine) >= _MOST and number not in mine:
            raise OtpyError(f"a connection may ask for events {_MOST} times at once")
        position = recent.first - 1 if after is None else min(max(after, 0), recent.last)
        until = None if follow else recent.last
        mine[number] = Subscription(client, number, position, until)
        client.on_room = lambda: self._send(client)
        self._send(client)

    def forget(self, client: Client) -> None:
        """Forget a client: it is gone."""
        self._of.pop(client, None)

    def publish(self) -> None:
        """Send the events that were appended."""
        for client in tuple(self._of):
            self._send(client)

    def _send(self, client: Client) -> None:
        """Send a client as much as it reads."""
        for subscription in tuple(self._of.get(client, {}).values()):
            while client.has_room and self._send_next(subscription):
                pass

    def _send_next(self, subscription: Subscription) -> bool:
        """Return the next event, and whether there may be more."""
        client, number, recent = subscription.client, subscription.number, self._recent
        if subscription.until is not None and subscription.position >= subscription.until:
            del self._of[client][number]
            client.reply(number, None)
            return False
        if subscription.position >= recent.last:
            return False
        if (lost := recent.first - 1 - subscription.position) > 0:
            subscription.position = recent.first - 1
            gap = EventsLost(
                at=time.time(),
                path=NODE,
                seq=subscription.position,
                boot=self._boot,
                count=lost,
                reason=_TOO_SLOW,
            )
            client.event(number, event_to_data(gap), subscription.position)
        else:
            subscription.position += 1
            client.event(number, recent[subscription.position], subscription.position)
        return True
