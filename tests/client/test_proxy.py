"""A server's methods on the client's side."""

import pytest

from otpy import GenServer, Node, call, cast
from otpy.errors import CallTimeout
from tests.client.fake_node import FakeNode


class Echoing(GenServer):
    """As the fake worker answers."""

    @call
    def get(self) -> int:
        """Return the count."""
        raise NotImplementedError

    @cast
    def increment(self, amount: int = 1) -> None:
        raise NotImplementedError

    @call
    def echo(self, value: object) -> object:
        raise NotImplementedError

    @call
    def keep(self) -> None:
        raise NotImplementedError

    @call
    def many(self, one: int, two: int = 2, three: int = 3, *, named: int = 4) -> None:
        raise NotImplementedError

    def not_marked(self) -> None:
        raise NotImplementedError


def test_its_methods_are_calls_and_casts(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    proxy = node.proxy("counter", Echoing)
    proxy.increment(5)
    proxy.increment(amount=2)
    assert proxy.get() == 7
    assert proxy.echo({"a": [1]}) == {"a": [1]}
    assert proxy.echo(value="v") == "v"
    assert repr(proxy) == "<Proxy of Echoing counter>"
    assert proxy.get.__doc__ == "Return the count."


def test_what_is_not_marked_is_not_there(fake: FakeNode, node: Node) -> None:
    proxy = node.proxy("counter", Echoing)
    for name in ("not_marked", "init", "handle_call", "unknown", "send_after"):
        with pytest.raises(AttributeError, match="Echoing has no @call or @cast method"):
            getattr(proxy, name)


def test_arguments_that_do_not_fit_are_not_sent(fake: FakeNode, node: Node) -> None:
    proxy = node.proxy("counter", Echoing)
    with pytest.raises(TypeError, match="missing a required argument: 'value'"):
        proxy.echo()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="too many positional arguments"):
        proxy.get(5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="many: named cannot be sent, since a request has no names"):
        proxy.many(1, named=5)
    assert fake.asked[1:] == []


def test_a_named_argument_brings_the_defaults_before_it(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(node["counter"], "call", lambda *args, timeout: sent.append(args))
    proxy = node.proxy("counter", Echoing)
    proxy.many(1)
    proxy.many(1, three=5)
    assert sent == [("many", 1), ("many", 1, 2, 5)]


def test_its_timeout_is_that_of_every_request(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    with pytest.raises(CallTimeout, match=r"did not answer within 0.05 s"):
        node.proxy("counter", Echoing, timeout=0.05).keep()
