"""To be imported before otpy is: from then on every mistake with a descriptor is an error.

In this process, and in every one that is started from here. And a call without a timeout waits as
long as all tests wait: the five seconds of the default may be over while a busy machine runs
something else.
"""

import os
import tempfile
from pathlib import Path
from typing import Final

mistakes: Final = Path(tempfile.mkdtemp(prefix="otpy-checks-", dir="/tmp")) / "descriptors"
"""The file that every process writes its mistakes to; there is none as long as none is made."""

os.environ["OTPY_CHECK_DESCRIPTORS"] = str(mistakes)

from otpy.links import deadline  # noqa: E402  # it looks for that variable
from tests.support.processes import DEADLINE_S  # noqa: E402

deadline.DEFAULT_TIMEOUT_S = DEADLINE_S  # type: ignore[misc]


def take_mistakes() -> str:
    """Return what was written since the last time."""
    if not mistakes.exists():
        return ""
    text = mistakes.read_text(errors="replace")
    mistakes.unlink()
    return text


def clean_up() -> None:
    """Leave no file behind."""
    mistakes.unlink(missing_ok=True)
    mistakes.parent.rmdir()
