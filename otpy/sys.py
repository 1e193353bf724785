"""System messages between workers (OTP's sys); clients use the methods of `Ref`."""

from otpy.server.sys_calls import get_state, replace_state, resume, statistics, suspend

__all__ = [
    "get_state",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
]
