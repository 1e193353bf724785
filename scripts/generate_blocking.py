"""Generate the blocking twins of modules that are written once, for asyncio.

``python scripts/generate_blocking.py`` writes every target of `PAIRS`; with ``--check`` it writes
nothing, names the targets that are stale, and ends with 1. What the two worlds do not share (the
transport, the hot methods, how one waits) is written by hand in both, by the same names.
"""

import argparse
import io
import keyword
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent

PAIRS: Final[Mapping[str, str]] = {
    "otpy/aio/client/asker.py": "otpy/client/asker.py",
    "otpy/aio/client/log_events.py": "otpy/client/log_events.py",
    "otpy/aio/client/gateway.py": "otpy/client/gateway.py",
    "otpy/aio/client/node.py": "otpy/client/node.py",
    "otpy/aio/client/ref.py": "otpy/client/ref.py",
    "otpy/aio/client/registry.py": "otpy/client/registry.py",
    "otpy/aio/client/running_spec.py": "otpy/client/running_spec.py",
    "otpy/aio/client/statistics.py": "otpy/client/statistics.py",
    "otpy/aio/client/task_starter.py": "otpy/client/task_starter.py",
    "otpy/aio/client/waiting.py": "otpy/client/waiting.py",
    "otpy/aio/links/link_resolver.py": "otpy/links/link_resolver.py",
    "otpy/aio/links/multi_call.py": "otpy/links/multi_call.py",
    "otpy/aio/links/pending.py": "otpy/links/pending.py",
    "otpy/aio/links/pid_ref.py": "otpy/links/pid_ref.py",
    "otpy/aio/links/ref.py": "otpy/links/ref.py",
    "otpy/aio/links/supervisor.py": "otpy/links/supervisor.py",
    "otpy/aio/links/sys_calls.py": "otpy/links/sys_calls.py",
    "otpy/aio/server/agent_calls.py": "otpy/server/agent_calls.py",
    "otpy/aio/server/monitors.py": "otpy/server/monitors.py",
    "otpy/aio/server/registry.py": "otpy/server/registry.py",
    "otpy/aio/server/requests.py": "otpy/server/requests.py",
    "otpy/aio/server/sys_calls.py": "otpy/server/sys_calls.py",
    "otpy/aio/server/task.py": "otpy/server/task.py",
    "otpy/aio/server/tasks.py": "otpy/server/tasks.py",
    "otpy/runtime/worker/async_peer_ops.py": "otpy/runtime/worker/peer_ops.py",
    "tests/aio/test_call.py": "tests/client/test_call.py",
    "tests/aio/test_death.py": "tests/client/test_death.py",
    "tests/aio/test_events.py": "tests/client/test_events.py",
    "tests/aio/test_log_events.py": "tests/client/test_log_events.py",
    "tests/aio/test_gateway.py": "tests/client/test_gateway.py",
    "tests/aio/test_pending.py": "tests/client/test_pending.py",
    "tests/support/async_kin_calls.py": "tests/support/kin_calls.py",
    "tests/support/async_task_calls.py": "tests/support/task_calls.py",
}
"""What is written once, and what is generated from it."""

NAMES: Final[Mapping[str, str]] = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "anext": "next",
    "AsyncIterator": "Iterator",
    "open_node": "connect",
    "asynccontextmanager": "contextmanager",
}
"""Names of asyncio's world, and of the blocking one."""

SEQUENCES: Final[Mapping[tuple[str, ...], str]] = {
    ("otpy", ".", "aio", "."): "otpy.",
    ("from", "otpy", ".", "aio", "import"): "from otpy import",
    ("import", "asyncio"): "from otpy.system.locks import new_lock",
    ("import", "otpy", ".", "aio"): "import otpy",
    ("@", "on_a_loop"): "",
    ("tests", ".", "aio", ".", "loops"): "tests.client.in_threads",
    ("asyncio", ".", "Lock"): "new_lock",
}
"""Adjoining tokens of asyncio's world, and the text of the blocking one."""

GATHERING: Final = ("await", "asyncio", ".", "gather", "(", "*")
"""Before a list, which is then evaluated in turn, where asyncio runs all of it at once."""

TEXTS: Final[Sequence[tuple[str, str]]] = (
    (r"``await ", "``"),
    (r"\botpy\.aio\.", "otpy."),
    (
        r"Any number of tasks of the event loop that it was connected in may use it\.",
        "Any number of threads may use it, and it goes on after a fork.",
    ),
    (r" In a process forked\s+since, it is closed\.", ""),
    (r"\b(number of|of other) tasks of one event loop\b", r"\1 threads"),
    (r"\b(number of|of other) tasks\b", r"\1 threads"),
    (r"\ban async context manager\b", "a context manager"),
    (r"\bone task at a time\b", "one thread at a time"),
    (r"\basync with\b", "with"),
    (r"\basync for\b", "for"),
)
"""Patterns in docstrings, other strings and comments, and what replaces them."""

_LAYOUT: Final = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
_TEXT: Final = {tokenize.STRING, tokenize.COMMENT}
_OPENING: Final = {"(", "[", "{"}
_CLOSING: Final = {")", "]", "}"}


Place: TypeAlias = tuple[int, int]
"""A line and a column."""


def blocking(source: str) -> str:
    """Return the blocking text of an asynchronous one, not yet formatted."""
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in _LAYOUT
    ]
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(place: Place) -> int:
        return starts[place[0] - 1] + place[1]

    parts, done = [], 0
    for start, end, text in sorted(_edits(tokens)):
        parts += [source[done : offset(start)], text]
        done = offset(end)
    return "".join(parts) + source[done:]


def _edits(tokens: Sequence[tokenize.TokenInfo]) -> Iterator[tuple[Place, Place, str]]:
    """Yield where each edit begins and ends, and the text that goes there."""
    number = 0
    while number < len(tokens):
        token = tokens[number]
        for sequence, text in SEQUENCES.items():
            if _strings(tokens, number, sequence):
                number += len(sequence) - 1
                yield token.start, tokens[number].end, text
                break
        else:
            if _strings(tokens, number, GATHERING):
                number += len(GATHERING) - 1
                yield token.start, tokens[number].end, ""
                yield _removed(tokens[_closing(tokens, number + 1)])
            elif token.type == tokenize.NAME and token.string in {"async", "await"}:
                yield token.start, tokens[number + 1].start, ""
                if token.string == "await" and (end := _needless(tokens, number)):
                    yield _removed(tokens[number - 1])
                    yield _removed(tokens[end])
            elif token.type == tokenize.NAME and token.string in NAMES:
                yield token.start, token.end, NAMES[token.string]
            elif token.type in _TEXT and (text := _rewritten(token.string)) != token.string:
                yield token.start, token.end, text
        number += 1


def _removed(token: tokenize.TokenInfo) -> tuple[Place, Place, str]:
    return token.start, token.end, ""


def _strings(tokens: Sequence[tokenize.TokenInfo], number: int, sequence: tuple[str, ...]) -> bool:
    """Return whether the tokens from one on are these."""
    return tuple(each.string for each in tokens[number : number + len(sequence)]) == sequence


def _closing(tokens: Sequence[tokenize.TokenInfo], number: int) -> int:
    """Return the bracket that closes what is open at a token."""
    depth = 0
    while depth >= 0:
        depth += (tokens[number].string in _OPENING) - (tokens[number].string in _CLOSING)
        number += 1
    return number - 1


def _needless(tokens: Sequence[tokenize.TokenInfo], number: int) -> int | None:
    """Return the end of the parentheses that only an `await` needs, as in ``(await it()).name``."""
    before = tokens[number - 2]
    if tokens[number - 1].string != "(" or _can_be_called(before):
        return None
    depth = 0
    for end in range(number + 1, len(tokens)):
        token = tokens[end]
        if token.start[0] != before.start[0]:
            return None
        depth += (token.string in _OPENING) - (token.string in _CLOSING)
        if depth < 0:
            return end
        part = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
        if depth == 0 and not part and token.string not in {".", *_CLOSING}:
            return None
    return None


def _can_be_called(token: tokenize.TokenInfo) -> bool:
    is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
    return is_name or token.string in {")", "]"}


def _rewritten(text: str) -> str:
    for pattern, replacement in TEXTS:
        text = re.sub(pattern, replacement, text)
    return text


def formatted(text: str, target: str) -> str:
    """Return a module's text with its imports sorted and pruned, and laid out."""
    for command in (["check", "--fix", "--quiet", "--exit-zero"], ["format", "--quiet"]):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", target, "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return text


def generated(source: str, target: str) -> str:
    """Return what `target` is to hold."""
    head = f"# Generated from {source} by scripts/generate_blocking.py; do not edit.\n\n"
    return formatted(head + blocking((ROOT / source).read_text()), target)


def main() -> int:
    """Write what is stale, or name it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if one is stale")
    check = parser.parse_args().check
    stale = []
    for source, target in PAIRS.items():
        text, place = generated(source, target), ROOT / target
        if not place.exists() or place.read_text() != text:
            stale.append(target)
            if not check:
                place.write_text(text)
    for target in stale:
        print(f"{target}: {'stale; run scripts/generate_blocking.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
