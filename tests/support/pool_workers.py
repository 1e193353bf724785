"""Instances that talk to each other."""

from typing import Any

import otpy
from otpy import CallingSelf, call
from tests.support.workers import Remote


class Sibling(Remote):
    """Asks others, and the instances of which it is one."""

    @call
    def ask(self, name: str, key: Any = None) -> object:
        try:
            return otpy.call(name, "number", key=key)
        except CallingSelf:
            return "calling itself"

    @call
    def ask_echo(self, name: str, value: object, key: Any) -> object:
        return otpy.call(name, "echo_with_number", value, key=key)

    @call
    def echo_with_number(self, value: object) -> list[object]:
        return [value, self.instance]

    @call
    def ask_later(self, name: str, key: Any = None) -> object:
        return otpy.send_request(name, "number", key=key).result()

    @call
    def tell(self, name: str, text: str, key: Any = None) -> None:
        otpy.cast(name, "note_number", text, key=key)
