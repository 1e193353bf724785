"""A key by the name that it has in another tool is answered with its name here."""

import pytest

from otpy.config.elsewhere import ELSEWHERE
from otpy.config.fields import MODELS, Fields, Tree
from tests.config.folder import Told


def test_each_name_is_none_of_ours_and_stands_for_one_that_is() -> None:
    models: tuple[type[Fields], ...] = (Tree, *MODELS.values())
    ours = {key for model in models for key in model.model_fields}
    assert not ELSEWHERE.keys() & ours
    assert set(ELSEWHERE.values()) <= ours


@pytest.mark.parametrize(
    ("key", "meant"),
    [("environment", "env"), ("WorkingDirectory", "cwd"), ("healthcheck", "health")],
)
def test_the_name_here_is_proposed(told: Told, key: str, meant: str) -> None:
    (line,) = told(f"children:\n- id: a\n  command: [sh]\n  {key}: x\n")
    assert line.endswith(f"; did you mean {meant!r}?")


def test_only_where_it_may_stand(told: Told) -> None:
    (line,) = told("healthcheck: x\nchildren:\n- {id: a, command: [sh]}\n")
    assert "did you mean" not in line
