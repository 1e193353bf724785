"""What ``async def`` handlers may ask other workers beside their messages; as `otpy.sys`."""

from otpy.aio.server.sys_calls import get_state, replace_state, resume, statistics, suspend

__all__ = [
    "get_state",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
]
