"""Servers whose start goes wrong."""

from threading import Event

from otpy import GenServer


class FailsInInit(GenServer):
    def init(self) -> None:
        raise ValueError("not today")


class StuckInInit(GenServer):
    def init(self) -> None:
        Event().wait()
