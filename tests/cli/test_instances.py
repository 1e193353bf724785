"""The command line and a child in several instances."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.cli.terminal import Terminal
from tests.cli.commands import Run, running

TREE = """
name: pools
children:
  - {id: pool, start: "otpy.examples.shop:Catalogue", args: [{}], instances: 2}
"""


@pytest.fixture
def pools(nowhere: Path) -> Iterator[Terminal]:
    file = nowhere / "pools.yaml"
    file.write_text(TREE)
    with running(file, nowhere) as run:
        yield run


@pytest.mark.usefixtures("pools")
def test_a_key_picks_an_instance(otpy: Run) -> None:
    assert otpy("cast", "pool", "deliver", "fig", "5", "--key", "3").status == 0
    assert otpy("call", "pool/1", "available", "fig").out == "5\n"
    assert otpy("call", "pool/0", "available", "fig").out == "0\n"
    assert otpy("call", "pool", "available", "fig", "--key", "-1").out == "5\n"
    counts = {otpy("call", "pool", "available", "fig", "--key", "ann").out for _ in range(4)}
    assert len(counts) == 1
    assert otpy("call", "pool", "available", "fig").status == 0
    drawn = otpy("tree").out
    assert "└─ pool" in drawn
    assert "├─ 0" in drawn
    assert "└─ 1" in drawn
