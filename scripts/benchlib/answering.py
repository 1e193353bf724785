"""A server whose threads answer, and what asks it for small and large values."""

import random
import threading
from typing import Any, Final

import otpy

SIZES: Final = (1 << 20, 100, 3 << 20, 70_000, 1, 5 << 20, 4096, 65_536, 65_537, 200_000)
UNDER_WAY: Final = 30


def value(size: int, seed: int) -> bytes:
    """Make a value that no other request gets, nor any part of it."""
    return bytes([seed % 251]) * size


def questions(seed: int) -> list[tuple[int, int]]:
    """Make as many questions as are under way at once."""
    chance = random.Random(seed)  # noqa: S311  # it is to be the same again
    return [(chance.choice(SIZES), chance.randrange(1000)) for _ in range(UNDER_WAY)]


def mistake(question: tuple[int, int], answer: Any) -> str:
    """Return what is wrong with an answer, which may be an exception; nothing if nothing is."""
    if isinstance(answer, otpy.OtpyError):
        return f"{question}: {type(answer).__name__}: {str(answer)[:100]}"
    return "" if answer == value(*question) else f"{question}: another value, of {len(answer)}"


class Answerer(otpy.GenServer):
    """Answers from a thread for each call, and some by itself."""

    def handle_call(self, request: Any, caller: otpy.Caller) -> object:
        """Answer ``("give", size, seed)``."""
        _, size, seed = request
        if seed % 4 == 0:
            return value(size, seed)
        threading.Thread(target=lambda: caller.reply(value(size, seed))).start()
        return otpy.NoReply


class Asker(otpy.GenServer):
    """Asks it from another worker."""

    @otpy.call
    def ask(self, seed: int) -> list[str]:
        """Ask a batch of questions; return what is wrong with the answers."""
        asked = questions(seed)
        pending = [otpy.send_request("answerer", ("give", *each), timeout=None) for each in asked]
        return [mistake(*both) for both in zip(asked, map(_outcome, pending), strict=True)]


def _outcome(pending: otpy.Pending) -> Any:
    try:
        return pending.result(timeout=60)
    except otpy.OtpyError as error:
        return error
