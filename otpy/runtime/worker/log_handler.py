"""The handler that the root logger of a worker has until the user's code configures `logging`.

It is not in the list of the root's handlers: that is empty, so that `logging.basicConfig` and what
asks for handlers first do as in any program; but whoever goes through the empty list comes to this
handler. Once there is another, that one is used alone.
"""

import logging
import sys
from collections.abc import Iterator
from typing import Final

from otpy.runtime.worker.log_hook import has_pipe
from otpy.runtime.worker.log_writer import write_record
from otpy.wire.inband import Inband

_FUNCTIONS: Final = (
    *("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log"),
)


class _Level(int):
    """A level that nobody has asked for: an `int` of its own, to be told from the same number."""


class _TreesLevel(int):
    """A level that the tree says: a reload may change it, unless the user's code has."""


_DEFAULT: Final = _Level(logging.INFO)

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
_COUNT: Final = len(vars(logging.makeLogRecord({})))
"""How many attributes a record has at least; more may be of `extra`."""


def install(level: int | None) -> None:
    """Make records go to the supervisor, from the given level on, or from INFO.

    What the user's code has configured by now stays.
    """
    root = logging.root
    if isinstance(root.handlers, _Unconfigured):
        if isinstance(root.level, _Level | _TreesLevel):
            root.setLevel(_level(level))
    elif not root.handlers:
        root.handlers = _Unconfigured(RecordHandler())
        root.setLevel(_level(level))
        _go_to_the_root()


def _level(given: int | None) -> int:
    return _DEFAULT if given is None else _TreesLevel(given)


def _go_to_the_root() -> None:
    for name in _FUNCTIONS:
        # Those of the module would call `basicConfig`, since there is no handler to be seen.
        if hasattr(logging.root, name):
            setattr(logging, name, getattr(logging.root, name))


class _Unconfigured(list[logging.Handler]):
    """The handlers of the root logger: as long as there are none, this one is come to."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler

    def __iter__(self) -> Iterator[logging.Handler]:
        return super().__iter__() if self else iter((self._handler,))

    def append(self, handler: logging.Handler) -> None:
        """Add a handler of the user's, with the level that the root logger has elsewhere."""
        if isinstance(logging.root.level, _Level):
            logging.root.setLevel(logging.WARNING)
        super().append(handler)


class RecordHandler(logging.Handler):
    """Hands records over the pipe to the supervisor; where stderr is no such pipe, prints them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, unless a handler of the user's has got it."""
        if _is_handled(record.name):
            return
        try:
            has_more = record.exc_info or record.exc_text or record.stack_info
            text = self.format(record) if has_more else record.getMessage()
            if has_pipe():
                self._hand_over(record, text)
            elif sys.stderr is not None:
                sys.stderr.write(f"{record.levelname} {record.name}: {text}\n")
        except RecursionError:  # as `logging.StreamHandler`
            raise
        except Exception:  # noqa: BLE001  # as there: the caller is not the one at fault
            self.handleError(record)

    @staticmethod
    def _hand_over(record: logging.LogRecord, text: str) -> None:
        given = vars(record)
        fields = {}
        if len(given) > _COUNT:
            fields = {name: given[name] for name in given if name not in _STANDARD}
        write_record(Inband(record.levelname, record.name, text, record.created, fields=fields))


def _is_handled(name: str) -> bool:
    """Return whether a logger between `name` and the root has a handler that does something."""
    logger = logging.root.manager.loggerDict.get(name)
    while isinstance(logger, logging.Logger) and logger is not logging.root:
        for handler in logger.handlers:
            if not isinstance(handler, logging.NullHandler):
                return True
        logger = logger.parent
    return False
