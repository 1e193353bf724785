"""`sockets`: their forms, each mistake in one line, the way back."""

import json

import pytest

from otpy.config import child_from_data, child_to_data
from otpy.core.sockets import SocketSpec, SocketType
from otpy.core.spec import CommandStart, ServerStart, SupervisorSpec, sockets_of
from otpy.errors import SpecError
from tests.config.folder import Folder, Told

TREE = "sockets: {{web: {form}}}\nchildren: []\n"
A_SOCKET = "an address such as 127.0.0.1:8000, [::1]:8000, :8000, udp://:53, /run/web.sock or @web"
DATAGRAM = SocketType.DATAGRAM


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("'127.0.0.1:8000'", SocketSpec("127.0.0.1:8000")),
        ("'[::1]:8000'", SocketSpec("[::1]:8000")),
        ("'[fe80::1%eth0]:8000'", SocketSpec("[fe80::1%eth0]:8000")),
        ("':8000'", SocketSpec(":8000")),
        ("8000", SocketSpec(":8000")),
        ("'8000'", SocketSpec(":8000")),
        ("tcp://127.0.0.1:80", SocketSpec("127.0.0.1:80")),
        ("udp://:53", SocketSpec(":53", DATAGRAM)),
        ("/run/web.sock", SocketSpec("/run/web.sock")),
        ("'@web'", SocketSpec("@web")),
        ("{listen: '@web', type: seqpacket}", SocketSpec("@web", SocketType.SEQPACKET)),
        ("{listen: 53, type: datagram}", SocketSpec(":53", DATAGRAM)),
        ("{listen: ':80', backlog: 16}", SocketSpec(":80", backlog=16)),
        ("{listen: '[::]:80', ipv6_only: true}", SocketSpec("[::]:80", ipv6_only=True)),
        ("{listen: ':80', reuse_port: true}", SocketSpec(":80", reuse_port=True)),
        (
            "{listen: /run/web.sock, mode: '0660', user: www, group: 33}",
            SocketSpec("/run/web.sock", mode="0660", user="www", group=33),
        ),
    ],
)
def test_every_form_and_the_way_back(folder: Folder, form: str, wanted: SocketSpec) -> None:
    spec = folder.load(TREE.format(form=form)).spec
    assert spec.sockets == {"web": wanted}
    # A supervisor that is added has none of its own; those of the file are written all the same.
    data = child_to_data(child_from_data({"id": "s", "children": []}))
    assert data["sockets"] == {}
    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("localhost:8000", "a number for the host, such as 127.0.0.1:8000"),
        ("example.com:8000", A_SOCKET),
        ("'::1:8000'", A_SOCKET),
        ("'[::1]'", A_SOCKET),
        ("'127.0.0.1:'", A_SOCKET),
        ("'1.2.3:80'", A_SOCKET),
        ("true", A_SOCKET),
        ("-1", A_SOCKET),
        ("''", A_SOCKET),
        ("[8000]", A_SOCKET),
        ("'@'", A_SOCKET),
        ("/run/", A_SOCKET),
        ("70000", "a port of at most 65535"),
        ("'127.0.0.1:65536'", "a port of at most 65535"),
        ("run/web.sock", "an absolute path of a Unix socket, such as /run/web.sock"),
        ("./web.sock", "an absolute path of a Unix socket, such as /run/web.sock"),
        (f"/{'x' * 107}", "a path or name of at most 107 bytes"),
        ("{type: stream}", "an address, or a mapping with listen"),
    ],
)
def test_what_is_no_address_is_told_in_one_line(told: Told, form: str, expected: str) -> None:
    (mistake,) = told(TREE.format(form=form))
    assert mistake.endswith(f"expected {expected}")
    assert "sockets.web: got " in mistake or "web: got " in mistake


@pytest.mark.parametrize(
    ("form", "key", "expected"),
    [
        ("{listen: 80, type: tcp}", "type", "stream, datagram or seqpacket"),
        ("{listen: 80, type: seqpacket}", "type", "stream or datagram where it is no Unix socket"),
        ("{listen: 'udp://:80', type: stream}", "type", "datagram with udp:// or tcp://"),
        ("{listen: 80, backlog: 0}", "backlog", "an integer from 1 to 1000000000"),
        (
            "{listen: 'udp://:80', backlog: 5}",
            "backlog",
            "none: a datagram socket has no connections",
        ),
        ("{listen: 80, mode: '0660'}", "mode", "none: only the socket of a path has a file"),
        ("{listen: '@x', user: root}", "user", "none: only the socket of a path has a file"),
        ("{listen: /x, mode: 660}", "mode", 'an octal number as a string, such as "0660"'),
        ("{listen: /x, reuse_port: true}", "reuse_port", "false: a Unix socket has no port"),
        ("{listen: 80, reuse_port: 1}", "reuse_port", "true or false"),
    ],
)
def test_what_is_wrong_with_a_part_is_told_where_it_is(
    told: Told, form: str, key: str, expected: str
) -> None:
    (mistake,) = told(TREE.format(form=form))
    assert f"{key}: got " in mistake
    assert f"expected {expected}" in mistake


def test_a_key_that_is_none_gets_a_suggestion(told: Told) -> None:
    (mistake,) = told(TREE.format(form="{listen: 80, backlogs: 5}"))
    assert "unknown key 'backlogs'" in mistake
    assert mistake.endswith("did you mean 'backlog'?")


@pytest.mark.parametrize("name", ["'a:b'", "'a b'", "''", "'ä'", "1"])
def test_a_name_is_one_that_listen_fdnames_can_carry(told: Told, name: str) -> None:
    mistakes = told(f"sockets: {{{name}: 8000}}\nchildren: []\n")
    assert any("expected a name of letters, digits" in mistake for mistake in mistakes)


CHILD = """
sockets: {{web: 8000, admin: 8001}}
children:
- id: a
  {kind}
  sockets: {asked}
"""


def test_a_child_gets_sockets_of_supervisors_above(folder: Folder) -> None:
    text = """
sockets: {web: 8000}
children:
- id: s
  sockets: {admin: "@admin"}
  children:
  - {id: a, start: "tests.support.workers:Remote", sockets: [admin, web]}
  - {id: b, command: [sh], sockets: [web]}
  - {id: c, start: "tests.support.workers:Remote", instances: 2, sockets: [web]}
- id: d
  strategy: dynamic
  template: {start: "tests.support.workers:Remote", sockets: [web]}
"""
    spec = folder.load(text).spec
    s, d = (child.start for child in spec.children)
    assert isinstance(s, SupervisorSpec)
    assert isinstance(d, SupervisorSpec)
    a, b, pool = (child.start for child in s.children)
    assert isinstance(a, ServerStart)
    assert a.sockets == ("admin", "web")
    assert isinstance(b, CommandStart)
    assert b.sockets == ("web",)
    assert isinstance(pool, SupervisorSpec)
    for each in (*pool.children, d.template):
        assert each is not None
        assert isinstance(each.start, ServerStart)
        assert each.start.sockets == ("web",)
    assert sockets_of(spec) == {
        "web": ("", SocketSpec(":8000")),
        "admin": ("s", SocketSpec("@admin")),
    }
    for child in s.children:
        data = json.loads(json.dumps(child_to_data(child)))
        assert child_to_data(child_from_data(data)) == data


@pytest.mark.parametrize(
    ("asked", "where", "expected"),
    [
        ("[wbe]", "sockets[0]: got 'wbe'", "admin or web; did you mean 'web'?"),
        ("[web, web]", "sockets[1]: got 'web'", "each socket once"),
        ("web", "sockets: got 'web'", "a list of the names of sockets, such as [web]"),
        ("[1]", "sockets[0]: got 1", "a name of letters, digits, '_', '-' and '.', 100 at most"),
    ],
)
def test_what_a_child_asks_for_wrongly_is_told(
    told: Told, asked: str, where: str, expected: str
) -> None:
    (mistake,) = told(CHILD.format(kind="command: [sh]", asked=asked))
    assert where in mistake
    assert mistake.endswith(f"expected {expected}")


def test_a_socket_of_a_supervisor_beside_is_not_known(told: Told) -> None:
    text = """
children:
- {id: s, sockets: {web: 8000}, children: []}
- {id: a, command: [sh], sockets: [web]}
- {id: d, strategy: dynamic, template: {command: [sh], sockets: [web]}}
"""
    mistakes = told(text)
    assert len(mistakes) == 2
    for mistake in mistakes:
        assert mistake.endswith("got 'web', expected none, since no supervisor above has any")


def test_names_and_addresses_are_unique_in_the_tree(told: Told) -> None:
    text = """
sockets: {web: 8000, any: 0, other: 0, shared: {listen: 80, reuse_port: true}}
children:
- id: s
  sockets: {web: 8001, twin: ":8000", mine: {listen: 80, reuse_port: true}, udp: "udp://:8000"}
  children: []
"""
    again, twin = told(text)
    assert again.endswith("got 'web' again, expected a name that is unique in the tree")
    assert twin.endswith("got ':8000', expected another address than that of 'web'")


def test_a_program_is_not_ready_by_the_descriptor_of_a_socket(told: Told) -> None:
    text = CHILD.format(kind="command: [sh]\n  ready: {fd: 4}", asked="[web, admin]")
    (mistake,) = told(text)
    assert mistake.endswith("fd: got 4, the descriptor of a socket, expected 5 or more")
    assert not told(text.replace("fd: 4", "fd: 5"))


def test_a_supervisor_that_is_added_has_no_sockets() -> None:
    with pytest.raises(SpecError) as caught:
        child_from_data({"id": "s", "sockets": {"web": 8000}, "children": []})
    (mistake,) = caught.value.mistakes
    assert mistake == (
        "child.sockets: got a mapping, expected none: sockets are opened for the supervisors of "
        "the file"
    )


def test_the_owner_of_a_file_is_looked_up(folder: Folder) -> None:
    text = TREE.format(form="{listen: /tmp/x.sock, user: nobody-such, group: nogroup-such}")
    user, group = folder.mistakes(text, check_imports=True)
    assert user.endswith("user: got 'nobody-such', but there is no user 'nobody-such'")
    assert group.endswith("group: got 'nogroup-such', but there is no group 'nogroup-such'")
