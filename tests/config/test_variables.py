"""Variables of the environment in the strings of a tree."""

import pytest

from otpy.core.spec import RestartIntensity, ServerStart
from tests.config.folder import Folder, Told


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GONE", raising=False)
    for name, value in {"WHO": "ann", "N": "7", "EMPTY": "", "BAD": "\udcff"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${WHO}", "ann"),
        ("a-${WHO}-${WHO}", "a-ann-ann"),
        ("'${WHO}'", "ann"),
        ("${GONE:-bob}", "bob"),
        ("${EMPTY:-bob}", "bob"),
        ("${EMPTY}", None),
        ("'${EMPTY}'", ""),
        ("${GONE:-}", None),
        ("'${GONE:-}'", ""),
        ("$${WHO}", "${WHO}"),
        ("$WHO $ {", "$WHO $ {"),
        ("${N}", 7),
        ("'${N}'", "7"),
        ("${N}0", "70"),
        ("${GONE:-1.5}", 1.5),
        ("${GONE:-yes}", True),
        ("${GONE:-<<}", "<<"),
        ("${GONE:-[a]}", "[a]"),
        ("|\n    ${N}\n", "7\n"),
    ],
)
def test_a_value(folder: Folder, written: str, value: object) -> None:
    config = folder.load(f"children:\n- id: a\n  start: m:f\n  args:\n  - {written}\n")
    assert config.spec.children[0].start == ServerStart("m:f", (value,))


def test_numbers_and_durations(folder: Folder) -> None:
    config = folder.load("max_restarts: ${N:-3}\nmax_seconds: ${GONE:-2m}\nchildren: []\n")
    assert config.spec.intensity == RestartIntensity(7, 120.0)


def test_keys_are_left_alone(folder: Folder) -> None:
    config = folder.load("children: [{id: a, start: 'm:f', args: {'${WHO}': 1}}]")
    assert config.spec.children[0].start == ServerStart("m:f", kwargs={"${WHO}": 1})


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("${GONE}", "the variable GONE is not set, expected it or ${GONE:-default}"),
        ("${GONE", "'${' that starts no ${VAR} or ${VAR:-default}, for itself write '$${'"),
        ("${1}", "'${' that starts no ${VAR} or ${VAR:-default}, for itself write '$${'"),
        ("${GONE:-2001-99-99}", "'2001-99-99' is no timestamp; put it in quotes"),
    ],
)
def test_a_mistake_is_told_once(told: Told, written: str, text: str) -> None:
    assert told(f"max_restarts: {written}\nchildren: []") == [f"1:15: {text}"]


def test_every_variable_that_is_not_set(told: Told) -> None:
    assert told("name: ${GONE}${AWAY}\nchildren: []") == [
        "1:7: the variable AWAY is not set, expected it or ${AWAY:-default}",
        "1:7: the variable GONE is not set, expected it or ${GONE:-default}",
    ]


def test_a_value_that_is_wrong(told: Told) -> None:
    assert told("name: ${N}\nchildren: []") == [
        "1:7: name: got ${N} (YAML reads it as 7), expected a string; put it in quotes"
    ]


def test_a_variable_that_is_no_unicode(told: Told) -> None:
    (line,) = told("name: ${BAD}\nchildren: []")
    assert line.startswith(r"1:7: name: got '\udcff', expected a name without")
