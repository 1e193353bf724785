"""A line for a shell -> the command of a child."""

import re
import shlex
from typing import Final

from otpy.importing.result import literal

_SYNTAX: Final = re.compile(r"[$`;&|<>(){}*?\[\]~!#\n]")
_SEVERAL: Final = re.compile(r"[;&|(){}\n`]|\$\(")
_ASSIGNMENT: Final = re.compile(r"\w+=")
_OF_THE_SHELL: Final = {
    *("exec", "cd", "export", "set", "source", ".", "ulimit", "umask", "if", "for", "while"),
    *("case", "trap", "until", "eval", "alias", "!"),
}


def command_of(line: str, shell: tuple[str, ...] = ("sh", "-c")) -> list[str]:
    """Return the words of a command line, or a shell that runs it if it has syntax for one.

    A shell that runs one program only becomes it (exec), so that signals reach the program.
    """
    line = line.strip()
    try:
        words = shlex.split(line)
    except ValueError:
        words = []
    of_the_shell = not words or words[0] in _OF_THE_SHELL or bool(_ASSIGNMENT.match(words[0]))
    if not of_the_shell and not _SYNTAX.search(line):
        return [literal(word) for word in words]
    if not of_the_shell and not _SEVERAL.search(re.sub(r"\$\{[^}]*\}", "", line)):
        line = f"exec {line}"
    return [*shell, literal(line)]
