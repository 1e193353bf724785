"""``otpy init``."""

import re
from pathlib import Path
from typing import Final

import click

from otpy.cli.errors import Failed
from otpy.cli.options import json_option
from otpy.cli.output import answer

_TREE: Final = """\
# Which processes there are, and what happens when one of them fails.
#
#   otpy check tree.yaml   print every mistake in this file
#   otpy run tree.yaml     run it, until Ctrl-C
#   otpy schema            the schema of this file, for editors

name: NAME                  # of the node: otpy -n NAME tree, if more than one runs

strategy: one_for_one       # what fails is restarted alone; or one_for_all, rest_for_one
max_restarts: 3             # more restarts than this ...
max_seconds: 5              # ... in so many seconds, and the supervisor gives up

children:                   # started in this order, stopped in the opposite one
  - id: counter
    start: servers:Counter  # module:name of a GenServer or a function
    args: {start: 0}        # of its init
    # backoff: true         # wait longer and longer between restarts
    # env: {LOG_LEVEL: debug}
    # shutdown: 10s         # to end in order, 5s by default

  # Any program may be a child:
  # - id: web
  #   command: [python3, -m, http.server, "8000"]
"""

_SERVERS: Final = '''\
"""The servers of tree.yaml: each runs in a process of its own."""

from otpy import GenServer, Refused, call, cast


class Counter(GenServer):
    """Counts, one request at a time: otpy call counter add 5."""

    def init(self, start=0):  # in the new process, with the args of the tree
        self.count = start

    @call  # the caller waits for the reply
    def add(self, amount=1):
        if amount < 0:
            raise Refused("a counter does not count down")  # "no": the server goes on
        self.count += amount
        return self.count

    @cast  # the sender goes on at once
    def reset(self):
        self.count = 0
'''

_TESTS: Final = '''\
"""Tests of servers.py: of a server as a plain object, and of the tree as it runs."""

import pytest
from otpy import Refused
from servers import Counter


def test_it_does_not_count_down():
    counter = Counter()
    counter.init(start=5)
    with pytest.raises(Refused):
        counter.add(-1)
    assert counter.add(2) == 7


@pytest.mark.otpy_tree("tree.yaml")
def test_a_killed_counter_begins_anew(otpy_node):
    assert otpy_node["counter"].call("add", 5) == 5
    otpy_node.kill("counter")  # kill -9
    otpy_node.wait_restarted("counter")
    assert otpy_node["counter"].call("add", 1) == 1
'''


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path))
@json_option
def init(*, directory: Path) -> None:
    """Write a first project: a tree, a GenServer and its test.

    They go into DIRECTORY, by default this one, and run at once: "otpy run tree.yaml", and
    "pytest". Overwrites nothing; files that are there as they would be written are no failure.
    """
    files = {
        "tree.yaml": _TREE.replace("NAME", _name_of(directory)),
        "servers.py": _SERVERS,
        "test_servers.py": _TESTS,
    }
    directory.mkdir(parents=True, exist_ok=True)
    paths = {directory / name: text for name, text in files.items()}
    there = [path for path in paths if path.exists()]
    if there != [path for path in paths if _has(path, paths[path])]:
        verb = "is" if len(there) == 1 else "are"
        names = ", ".join(map(str, there))
        raise Failed(f"{names} {verb} there already", "nothing was written")
    lines, did = [], []
    for path, text in paths.items():
        is_new = path not in there
        if is_new:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        lines.append(f"wrote {path}" if is_new else f"{path} is there already, as it would be")
        did.append({"file": str(path), "did": "wrote" if is_new else "nothing"})
    where = "" if directory.resolve() == Path.cwd() else f"cd {directory}; "
    lines += [
        f"now try: {where}otpy run tree.yaml, and in another terminal: otpy call counter add 5",
        f"and its test: {where}pytest",
    ]
    answer(did, "\n".join(lines))


def _has(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _name_of(directory: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.resolve().name).strip("-.")
    return name[:40] or "app"
