"""Workers that are replaced, or killed since they give no sign of life."""

from otpy import call
from tests.support.workers import Remote


class AsyncRemote(Remote):
    """Does as it is told, on an event loop."""

    @call
    async def increment(self) -> int:  # type: ignore[override]
        self.count += 1
        return self.count
