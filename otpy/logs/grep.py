"""Search for a regular expression, most of the time without a look at each line."""

import re
from collections.abc import Iterator
from typing import Any, Final

_PLAIN: Final = re.compile(rb"[A-Za-z0-9_.,:;/#@!?*=<>()\[\]{}&$~^'-]")
"""Bytes that stand in a file of either form as they are in the text."""

_OTHER_CASES: Final = frozenset(b"iksIKS")
"""Letters that are also another case of characters outside ASCII."""


class Literal:
    """Bytes that are in every file in which an expression is found, if there are any.

    Attributes:
        text: The bytes; none if nothing can be said.
    """

    def __init__(self, pattern: "re.Pattern[str]") -> None:
        self._any_case = bool(pattern.flags & re.IGNORECASE)
        self.text = _literal_in(pattern, any_case=self._any_case)

    def places_in(self, piece: bytes) -> "Places":
        """Return what finds the bytes in a piece of a file."""
        return Places(piece.lower() if self._any_case else piece, self.text)


class Places:
    """Finds bytes in a piece of a file."""

    def __init__(self, piece: bytes, text: bytes) -> None:
        self._piece, self._text = piece, text

    def next(self, start: int) -> int:
        """Return the first place from `start` on; -1 if there is none."""
        return self._piece.find(self._text, start)


def _literal_in(pattern: "re.Pattern[str]", *, any_case: bool) -> bytes:
    try:
        # The parser of `re`, which is private: without it every line is looked at.
        from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415

        parsed: Any = _parser.parse(pattern.pattern)
        return max(_runs(parsed, any_case=any_case), key=len, default=b"")
    except Exception:  # noqa: BLE001  # as above
        return b""


def _runs(parsed: Any, *, any_case: bool) -> Iterator[bytes]:
    """Yield the literals that stand one after the other in every match."""
    run = b""
    for operation, value in parsed:
        character = chr(value).encode(errors="replace") if str(operation) == "LITERAL" else b""
        if not _PLAIN.fullmatch(character) or (any_case and character[0] in _OTHER_CASES):
            yield run
            run = b""
        else:
            run += character.lower() if any_case else character
    yield run
