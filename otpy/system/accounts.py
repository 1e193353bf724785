"""Users and groups: looked up, and become."""

import grp
import os
import pwd
import stat
from typing import Final, NamedTuple

from otpy.system.prctl import become_dumpable, die_with

_OUTPUT: Final = (1, 2)


class NoAccount(Exception):
    """There is no such user or group; the text says so."""


class Account(NamedTuple):
    """A user, and the group that its processes have; `name` is empty for one without an account."""

    name: str
    uid: int
    gid: int
    home: str


def account_of(user: int | str | None, group: int | str | None) -> Account | None:
    """Look a user and a group up; None if neither is said.

    Raises:
        NoAccount: There is none, or a number has no account and no group is said.
    """
    if user is None and group is None:
        return None
    gid = None if group is None else gid_of(group)
    wanted = os.geteuid() if user is None else user
    try:
        found = pwd.getpwuid(wanted) if isinstance(wanted, int) else pwd.getpwnam(wanted)
    except KeyError:
        if isinstance(wanted, str):
            raise NoAccount(f"there is no user {wanted!r}") from None
        if gid is None:
            raise NoAccount(f"user {wanted} has no account, so a group is needed") from None
        return Account("", wanted, gid, "/")
    return Account(found.pw_name, found.pw_uid, found.pw_gid if gid is None else gid, found.pw_dir)


def uid_of(user: int | str) -> int:
    """Return the number of a user.

    Raises:
        NoAccount: There is none of that name.
    """
    if isinstance(user, int):
        return user
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise NoAccount(f"there is no user {user!r}") from None


def gid_of(group: int | str) -> int:
    """Return the number of a group.

    Raises:
        NoAccount: There is none of that name.
    """
    if isinstance(group, int):
        return group
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise NoAccount(f"there is no group {group!r}") from None


def become(account: Account, parent: int) -> None:
    """Become a user, with its supplementary groups: those first, since only root changes them.

    Args:
        account: Whose process this is to be.
        parent: The pid of the process with which this one dies.

    Raises:
        OSError: It may not.
    """
    if os.geteuid() != 0 and (account.uid, account.gid) == (os.geteuid(), os.getegid()):
        return
    for fd in _OUTPUT:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            # Of this process alone; so that it may open /dev/stdout, as nginx does for its logs.
            os.fchown(fd, account.uid, -1)
    if account.name:
        os.initgroups(account.name, account.gid)
    else:
        os.setgroups([account.gid])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    # Both are lost with the user (prctl(2)): without the second, /proc/self would be root's.
    die_with(parent)
    become_dumpable()
