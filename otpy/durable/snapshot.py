"""The state of a server whose class has `snapshot` and `restore`: one value."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from otpy.durable.value_codec import CannotStore, ValueCodec
from otpy.errors import StorageError

_NAME: Final = ""
"""No attribute has this name."""


class Snapshot:
    """What `snapshot` returns as the state; see `otpy.durable.attributes.Attributes`.

    Args:
        server: The server.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self._codec = ValueCodec()
        self._stored: bytes | None = None

    def restore(self, stored: Mapping[str, bytes]) -> None:
        """Give the server what its `snapshot` returned.

        Raises:
            StorageError: Its attributes were stored.
        """
        if (data := stored.get(_NAME)) is None:
            raise StorageError(
                f"the state of {type(self._server).__name__} was stored without `snapshot`: give "
                "the class another `version`, and `migrate`"
            )
        self._stored = data
        self._server.restore(self._codec.decode(data))

    def migrate(self, stored: Mapping[str, bytes], migrate: Callable[[Any], object]) -> None:
        """Give the server what a function makes of the stored state, as plain data."""
        plain = {name: self._codec.decode(data) for name, data in stored.items()}
        self._server.restore(migrate(plain.get(_NAME, plain)))

    def changes(self) -> dict[str, bytes | None]:
        """Return what is to be stored, since it changed.

        Raises:
            StorageError: It cannot be stored.
        """
        try:
            data = self._codec.encode(self._server.snapshot())
        except CannotStore as error:
            name = type(self._server).__name__
            raise StorageError(f"{name}.snapshot() cannot be stored: {error}") from None
        if data == self._stored:
            return {}
        self._stored = data
        return {_NAME: data}
