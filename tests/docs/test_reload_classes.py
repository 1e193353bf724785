"""The table of what a change of each key does is what the specs say (11.1)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.core.effects import PARTS, Effect, Rule, rules_of
from otpy.core.spec import (
    ChildSpec,
    CommandStart,
    RestartIntensity,
    ServerStart,
    SupervisorSpec,
)
from otpy.core.surroundings import Surroundings

PAGE = (Path(__file__).parents[2] / "docs/how-to/reload.md").read_text(encoding="utf-8")
RECORDS = (ChildSpec, SupervisorSpec, ServerStart, CommandStart, RestartIntensity, Surroundings)
NO_KEYS = {"retries", "by_hand", "folder", "instance", "listening", "id"}
SPELLED = {"target": "start", "kwargs": "args", "argv": "command"}


def rules() -> Iterator[tuple[str, Rule]]:
    for record in RECORDS:
        for name, rule in rules_of(record).items():
            if name not in NO_KEYS:
                yield SPELLED.get(name, name), rule


@pytest.mark.parametrize("effect", [Effect.LIVE, Effect.RESTART])
def test_the_table_has_every_key_with_its_class(effect: Effect) -> None:
    (row,) = re.findall(rf"^\| {effect} \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == {name for name, r in rules() if r.effect is effect}


def test_every_exception_is_listed() -> None:
    listed = set(re.findall(r"^- `(\w+)`: (\w+), (.*)$", PAGE, re.MULTILINE))
    assert listed == {(n, r.alters.effect.value, r.alters.when) for n, r in rules() if r.alters}


def test_no_key_is_always_made_anew() -> None:
    assert {rule.effect for _, rule in rules()} == {Effect.LIVE, Effect.RESTART, PARTS}
