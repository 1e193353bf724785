"""What a worker runs lies side by side where workers are forked from."""

import subprocess
import sys

import pytest

SCRIPT = """
import argparse
from otpy.runtime.node.code_gathering import _run_by, gather_code

def parse():
    parser = argparse.ArgumentParser(prog="x", description="a text")
    parser.add_argument("--number", type=int, default=3, help="of what")
    return parser.parse_args(["--number", "5"]).number, parser.format_help()

def pages():
    return len({place >> 12 for code in _run_by(parse).values()
                for place in (id(code), id(code) + code.__sizeof__())})

before, said = pages(), parse()
gather_code(parse)
assert parse() == said, said
print(before, pages())
"""

NESTED = """
from otpy.runtime.node.code_gathering import gather_code

def outer(number, *, times=2):
    other = number + 1
    def inner():
        return sum(each * other for each in range(times))
    return inner

run = lambda: outer(3)()
was, made_before = outer.__code__, outer(5)
inner_was = made_before.__code__
gather_code(run)
assert outer.__code__ is not was and outer.__code__ == was
inner = outer.__code__.co_consts[was.co_consts.index(inner_was)]
assert inner is made_before.__code__ is not inner_was
assert (run(), made_before(), outer(1, times=3)()) == (4, 6, 6)
"""


def run(script: str) -> str:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="of CPython's memory")
def test_code_that_is_run_lies_on_fewer_pages() -> None:
    before, after = map(int, run(SCRIPT).split())
    assert after * 4 < before * 3


def test_functions_are_what_they_were() -> None:
    assert not run(NESTED)
