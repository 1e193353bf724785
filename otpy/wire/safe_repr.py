"""Values as short texts, whatever they are."""

import reprlib
from typing import Final

from otpy.wire.codec import printable

MESSAGE_CHARS: Final = 200
REASON_CHARS: Final = 2000

_shortened = reprlib.Repr()
_shortened.maxstring = _shortened.maxother = _shortened.maxlong = MESSAGE_CHARS


def short(value: object) -> str:
    """Write a value in few words; what it is made of may be user code that fails."""
    try:
        return printable(_shortened.repr(value), REASON_CHARS)
    except BaseException:  # noqa: BLE001  # another thread may be changing it
        return f"a {type(value).__qualname__} whose text cannot be told"
