"""The byte that comes with the ends of a link which the gateway hands to a worker."""

from typing import Final

WITH_HELLO: Final = b"\0"
NO_HELLO: Final = b"\1"
"""The holder of the other ends knows what the hello would be, and awaits none."""
