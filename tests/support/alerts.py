"""A server that events are cast to; a node under test imports it."""

from typing import Any

from otpy import GenServer, call, cast
from tests.support.workers import note


class Alerts(GenServer):
    """Notes each event."""

    def init(self, log: str) -> None:
        self.log = log

    @cast
    def on_event(self, event: dict[str, Any]) -> None:
        note(self.log, "event", event["event"], event["path"], event["seq"])

    @call
    def done(self) -> bool:
        return True
