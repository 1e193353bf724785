"""What workers may ask each other beside their messages (OTP's sys); clients ask a `Ref`."""

from otpy.server.sys_calls import get_state, replace_state, resume, statistics, suspend

__all__ = [
    "get_state",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
]
