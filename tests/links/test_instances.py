"""Which instance a key belongs to: the same for ever."""

import os
import subprocess
import sys
from collections import Counter
from enum import IntEnum

import pytest

from otpy.errors import NotSendable
from otpy.links.instances import instance_of

COUNT = 10_000


class Color(IntEnum):
    RED = 7


@pytest.mark.parametrize(
    ("key", "instance"),
    [
        (0, 0),
        (3, 3),
        (-1, 1),
        (12_345, 2345),
        ((1 << 64) - 1, 1615),
        (-(1 << 63), 5808),
        (2**70, 3424),
        (-(2**70), 3424),
        (Color.RED, 7),
        ("", 2053),
        ("ann", 5382),
        ("bob", 6053),
        ("ключ", 5897),
        (b"ann", 7513),
        (True, 7303),
        (1.0, 1539),
        ((1, "a"), 3330),
        ([1, "a"], 3330),
        ({"a": 1, "b": 2}, 5400),
        ({"b": 2, "a": 1}, 5400),
    ],
)
def test_the_instance_of_a_key(key: object, instance: int) -> None:
    assert instance_of(key, COUNT) == instance


@pytest.mark.parametrize(
    ("key", "equal"),
    [
        ({1: "a", 2: "b"}, {2: "b", 1: "a"}),
        ({"a": {3: 4, "b": 5}}, {"a": {"b": 5, 3: 4}}),
        ({(1, 2): 3, 4: 5}, {4: 5, (1, 2): 3}),
        (("a", 2**70), ["a", 2**70]),
        ({1, "a", None}, {None, "a", 1}),
    ],
)
def test_equal_keys_belong_to_one_instance(key: object, equal: object) -> None:
    """4.17."""
    assert instance_of(key, COUNT) == instance_of(equal, COUNT)


def test_integers_are_divided_as_elixir_does_it() -> None:
    assert [instance_of(key, 3) for key in (3, -1, 1, 2, -5)] == [0, 1, 1, 2, 2]


def test_it_does_not_depend_on_the_interpreters_seed() -> None:
    script = "from otpy.links.instances import instance_of; print(instance_of({'ann': [1]}, 10000))"
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {b"%d\n" % instance_of({"ann": [1]}, COUNT)}


def test_keys_are_spread() -> None:
    shares = Counter(instance_of(f"user-{number}", 8) for number in range(8000))
    assert min(shares.values()) > 900


@pytest.mark.parametrize("key", [object(), {1, object()}, "\ud800"])
def test_what_cannot_be_a_key(key: object) -> None:
    with pytest.raises(NotSendable):
        instance_of(key, 4)
