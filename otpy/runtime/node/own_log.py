"""The log of a node as it is written to while no node runs."""

import contextlib
import os
import time
from typing import Final

from otpy.errors import OtpyError
from otpy.system.descriptor import Descriptor
from otpy.system.nodedir import NodeDir
from otpy.wire.log_files import log_file_name
from otpy.wire.log_message import OWN_LOGGER
from otpy.wire.log_record import LogRecord, to_text
from otpy.wire.paths import NODE

_PRIVATE: Final = 0o600


def log_without_node(name: str, text: str) -> None:
    """Log why a node could not start, in its name; a log that cannot be written is left."""
    record = LogRecord(time.time(), NODE, 1, "log", text, "ERROR", OWN_LOGGER)
    with contextlib.suppress(OSError, OtpyError):
        directory = NodeDir(name)
        directory.create()
        file = directory.log / log_file_name(NODE)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with Descriptor(os.open(file, flags, _PRIVATE)) as log:
            os.write(log.fileno(), to_text(record))
