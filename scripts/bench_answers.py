"""Whether answers from many threads come whole: a stress, with a figure and an exit status.

A server answers from a thread for each call, and some calls by itself, with small and large
values, to a worker, a client and a client on an event loop at the same time. One wrong answer is a
failure. Usage: ``python scripts/bench_answers.py [--quick] [--seconds S] [--seed N]``.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
import otpy.aio
from scripts.benchlib.answering import UNDER_WAY, mistake, questions

_ROOT: Final = Path(__file__).resolve().parent.parent
_NAME: Final = "answers"
_TREE: Final = f"""
name: {_NAME}
children:
  - {{id: answerer, start: 'scripts.benchlib.answering:Answerer'}}
  - {{id: asker, start: 'scripts.benchlib.answering:Asker'}}
"""
_TIMEOUT_S: Final = 120.0


@contextmanager
def running() -> Iterator[None]:
    """Run the node as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="otpy-") as folder:
        os.environ["OTPY_DIR"] = folder
        tree = Path(folder) / "answers.yaml"
        tree.write_text(_TREE)
        command = [sys.executable, "-P", "-m", "otpy", "run", str(tree)]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT)
        assert node.stdout is not None
        try:
            while b" is up" not in (line := node.stdout.readline()):
                if not line:
                    sys.exit("the node did not come up")
            yield
        finally:
            node.terminate()
            node.communicate()


def worker(seed: int) -> list[str]:
    """Ask by a worker."""
    with otpy.connect(_NAME) as node:
        mistakes: list[str] = node["asker"].call("ask", seed, timeout=_TIMEOUT_S)
    return mistakes


def client(seed: int) -> list[str]:
    """Ask as a client, from a thread for each of two halves, over one link."""
    asked = questions(seed)
    mistakes: list[str] = []
    with otpy.connect(_NAME) as node:

        def ask(half: list[tuple[int, int]]) -> None:
            pending = [node["answerer"].send_request("give", *each, timeout=None) for each in half]
            outcomes = map(_outcome, pending)
            mistakes.extend(mistake(*both) for both in zip(half, outcomes, strict=True))

        threads = [threading.Thread(target=ask, args=(asked[n::2],)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return mistakes


def loop(seed: int) -> list[str]:
    """Ask as a client on an event loop, with as many tasks as questions."""

    async def ask(node: otpy.aio.Node, question: tuple[int, int]) -> str:
        try:
            answer: Any = await node["answerer"].call("give", *question, timeout=_TIMEOUT_S)
        except otpy.OtpyError as error:
            answer = error
        return mistake(question, answer)

    async def ask_all() -> list[str]:
        async with await otpy.aio.connect(_NAME) as node:
            return await asyncio.gather(*(ask(node, each) for each in questions(seed)))

    return asyncio.run(ask_all())


def _outcome(pending: otpy.Pending) -> Any:
    try:
        return pending.result(timeout=_TIMEOUT_S)
    except otpy.OtpyError as error:
        return error


def stress(seconds: float, seed: int) -> tuple[int, list[str]]:
    """Ask for so long; return how many answers there were, and what was wrong with some."""
    found: list[str] = []
    rounds: list[int] = []
    until = time.monotonic() + seconds

    def go_on(ask: Callable[[int], list[str]], first: int) -> None:
        number = first
        while time.monotonic() < until:
            try:
                found.extend(filter(None, ask(number)))
            except otpy.OtpyError as error:
                found.append(f"{type(error).__name__}: {error}")
            rounds.append(number)
            number += 3

    askers = [
        threading.Thread(target=go_on, args=(ask, seed + number))
        for number, ask in enumerate((worker, client, loop))
    ]
    for each in askers:
        each.start()
    for each in askers:
        each.join()
    return len(rounds) * UNDER_WAY, found


def main() -> None:
    """Stress, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="for a few seconds")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    seconds = 5.0 if options.quick else options.seconds
    with running():
        count, wrong = stress(seconds, options.seed)
    for line in wrong[:8]:
        print(line)
    print(f"{count} answers of a server's threads in {seconds:g} s, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
