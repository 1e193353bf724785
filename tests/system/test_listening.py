"""Sockets that are listened on: opened, found in use, left behind, taken over."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.system import listening
from otpy.system.descriptor import Descriptor
from otpy.system.listening import DATAGRAM, SEQPACKET, STREAM, CannotListen


@pytest.fixture
def opened() -> Iterator[list[listening.Opened]]:
    found: list[listening.Opened] = []
    yield found
    for each in found:
        if not each.descriptor.closed:
            each.descriptor.close()


def address_of(opened: listening.Opened) -> object:
    with socket.socket(fileno=os.dup(opened.descriptor.fileno())) as found:
        return found.getsockname()


def test_a_port_is_bound_on_a_host_or_on_every_address(opened: list[listening.Opened]) -> None:
    opened += [
        listening.open_ip("127.0.0.1", 0, STREAM),
        listening.open_ip("", 0, STREAM),
        listening.open_ip("", 0, DATAGRAM),
    ]
    for each in opened[:2]:
        listening.listen(each.descriptor, None)
        port = address_of(each)[1]  # type: ignore[index]
        socket.create_connection(("127.0.0.1", port)).close()
    assert os.get_blocking(opened[0].descriptor.fileno())
    assert not os.get_inheritable(opened[0].descriptor.fileno())


def test_a_port_that_others_have_is_in_use_unless_all_share_it(
    opened: list[listening.Opened],
) -> None:
    opened.append(listening.open_ip("127.0.0.1", 0, STREAM, reuse_port=True))
    listening.listen(opened[0].descriptor, 8)
    port = address_of(opened[0])[1]  # type: ignore[index]
    with pytest.raises(OSError, match="in use") as caught:
        listening.open_ip("127.0.0.1", port, STREAM)
    assert caught.value.errno == errno.EADDRINUSE
    opened.append(listening.open_ip("127.0.0.1", port, STREAM, reuse_port=True))


def test_a_port_with_connections_left_is_bound_at_once(opened: list[listening.Opened]) -> None:
    first = listening.open_ip("127.0.0.1", 0, STREAM)
    opened.append(first)
    listening.listen(first.descriptor, 8)
    port = address_of(first)[1]  # type: ignore[index]
    client = socket.create_connection(("127.0.0.1", port))
    with socket.socket(fileno=os.dup(first.descriptor.fileno())) as server:
        connection, _ = server.accept()
    connection.close()  # this end first: it is the one in TIME_WAIT
    client.close()
    first.descriptor.close()
    opened.append(listening.open_ip("127.0.0.1", port, STREAM))


@pytest.mark.parametrize("kind", [STREAM, DATAGRAM, SEQPACKET])
def test_the_file_of_a_unix_socket(
    tmp_path: Path, opened: list[listening.Opened], kind: int
) -> None:
    path = tmp_path / "made" / "x.sock"
    opened.append(listening.open_unix(str(path), kind, 0o640))
    if kind != DATAGRAM:
        listening.listen(opened[0].descriptor, 8)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(OSError, match="in use"):
        listening.open_unix(str(path), kind)

    opened[0].descriptor.close()  # as the end of its node does, without more
    again = listening.open_unix(str(path), kind)
    opened.append(again)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    assert again.file is not None
    listening.remove(again.file)
    assert not path.exists()


def test_a_file_of_another_is_left_alone(tmp_path: Path, opened: list[listening.Opened]) -> None:
    path = tmp_path / "x.sock"
    path.write_text("")
    with pytest.raises(CannotListen, match="there is a file that is no socket"):
        listening.open_unix(str(path), STREAM)
    path.unlink()
    opened.append(listening.open_unix(str(path), STREAM))
    path.unlink()
    path.write_text("of another")
    assert opened[0].file is not None
    listening.remove(opened[0].file)
    assert path.read_text() == "of another"


def test_a_socket_that_was_shut_down_listens_again(opened: list[listening.Opened]) -> None:
    opened.append(listening.open_ip("127.0.0.1", 0, STREAM, reuse_port=True))  # reserves a port
    address = address_of(opened[0])
    own = listening.open_ip("127.0.0.1", address[1], STREAM, reuse_port=True)  # type: ignore[index]
    opened.append(own)
    listening.listen(own.descriptor, 8)
    with socket.socket(fileno=os.dup(own.descriptor.fileno())) as other:
        other.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)  # type: ignore[arg-type]
    listening.listen_again(own.descriptor, 8)
    socket.create_connection(address).close()  # type: ignore[arg-type]


def test_what_is_passed_is_for_the_process_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "web")
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    assert listening.take_passed() == {}
    assert os.environ["LISTEN_FDS"] == "1"
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "many")
    assert listening.take_passed() == {}


def test_why_a_passed_descriptor_will_not_do(opened: list[listening.Opened]) -> None:
    opened.append(listening.open_ip("127.0.0.1", 0, STREAM))
    tcp = opened[0].descriptor
    assert listening.why_not(tcp, DATAGRAM) == "is a stream socket"
    assert listening.why_not(tcp, STREAM) == "does not listen (Accept= has to be no)"
    listening.listen(tcp, 8)
    assert listening.why_not(tcp, STREAM) == ""
    with Descriptor(os.open(os.devnull, os.O_RDONLY)) as null:
        assert listening.why_not(null, STREAM) == "is no socket"
