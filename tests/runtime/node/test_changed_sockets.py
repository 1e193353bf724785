"""The sockets that a node holds when its tree becomes another one."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otpy.core.sockets import SocketSpec
from otpy.core.spec import ChildSpec, SupervisorSpec
from otpy.runtime.node.sockets import HeldSockets
from otpy.system.listening import CannotListen


def tree(**sockets: SocketSpec) -> SupervisorSpec:
    return SupervisorSpec(sockets=sockets)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "a.sock")


@pytest.fixture
def held(place: str) -> Iterator[HeldSockets]:
    found = HeldSockets(tree(a=SocketSpec(place), any=SocketSpec("127.0.0.1:0")))
    yield found
    found.close()


def identity(held: HeldSockets, name: str, path: str = "x") -> Any:
    (given,) = held.give([name], path)
    with given:
        return os.fstat(given.fileno()).st_ino


def test_what_listens_where_it_did_stays_open(held: HeldSockets, place: str) -> None:
    """By another name, at another supervisor, with other details."""
    a, other = identity(held, "a"), identity(held, "any")
    below = ChildSpec("s", tree(b=SocketSpec(place, mode="0600", backlog=3)))
    new = SupervisorSpec(children=(below,), sockets={"any": SocketSpec("127.0.0.1:0")})
    with held.change(new) as change:
        change.keep()
    assert identity(held, "b", "s/x") == a
    assert identity(held, "any") == other
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o600  # noqa: PTH116
    with pytest.raises(Exception, match="no supervisor above 'x' has a socket 'b'"):
        held.give(["b"], "x")


def test_what_is_no_more_is_closed_once_that_is_sure(held: HeldSockets, place: str) -> None:
    with held.change(tree(c=SocketSpec(f"{place}.c"))) as change:
        assert Path(place).exists()
        identity(held, "c")  # children that are restarted now get the new ones
        change.keep()
    assert not Path(place).exists()
    assert Path(f"{place}.c").exists()


def test_a_change_that_is_undone_has_changed_nothing(held: HeldSockets, place: str) -> None:
    a = identity(held, "a")
    with held.change(tree(a=SocketSpec(f"{place}.c"), d=SocketSpec(place))):
        assert Path(f"{place}.c").exists()
    assert identity(held, "a") == a
    assert not Path(f"{place}.c").exists()


@pytest.mark.parametrize("what", ["in use", "ipv6_only cannot change"])
def test_a_change_that_cannot_be_has_changed_nothing(
    held: HeldSockets, place: str, what: str
) -> None:
    a = identity(held, "a")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{place}.used")
        other.listen()
        wrong = {
            "in use": SocketSpec(f"{place}.used"),
            "ipv6_only cannot change": SocketSpec("127.0.0.1:0", ipv6_only=True),
        }[what]
        with pytest.raises(CannotListen, match=what):
            held.change(tree(a=SocketSpec(f"{place}.c"), any=wrong))
    assert identity(held, "a") == a
    assert not Path(f"{place}.c").exists()
