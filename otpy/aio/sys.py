"""System messages of ``async def`` handlers to other workers; as `otpy.sys`."""

from otpy.aio.server.sys_calls import get_state, replace_state, resume, statistics, suspend

__all__ = [
    "get_state",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
]
