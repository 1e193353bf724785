"""A node that the tests of ``otpy top`` share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from otpy.cli.terminal import Terminal
from tests.cli.commands import private_directory, running

TREE = """
name: watched
max_restarts: infinity
children:
  - id: pool
    children:
      - {id: first, start: 'otpy.examples.counter:Counter'}
      - {id: second, start: 'otpy.examples.counter:Counter'}
  - id: chatty
    command: [sh, -c, 'echo begun; while read -r line; do echo "heard $line"; done < WORK/fifo']
  - {id: victim, start: 'otpy.examples.counter:Counter'}
  - {id: again, start: 'otpy.examples.counter:Counter'}
  - id: hopeless
    command: ["false"]
    max_restarts: 0
    on_give_up: stay_down
  - {id: waits, command: ["false"], backoff: {initial: 1h, max: 1h, jitter: 0}}
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def watched(work: Path) -> Iterator[Terminal]:
    os.mkfifo(work / "fifo")
    tree = work / "watched.yaml"
    tree.write_text(TREE.replace("WORK", str(work)))
    with private_directory() as private, running(tree, private) as run:
        yield run
