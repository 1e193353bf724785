"""``${VAR}`` and ``${VAR:-default}`` in the strings of a file; ``$${`` stands for ``${``."""

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"\$\$\{"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-(?:(?!\$\{)[^}])*)?\}"
    r"|(?P<stray>\$\{)"
)


def expand(text: str, variables: Mapping[str, str]) -> tuple[str, list[str]]:
    """Put in the values of the variables that `text` names.

    As in a shell, a default is also for a variable that is set but empty.

    Returns:
        The text, and what is wrong with it.
    """
    problems: list[str] = []

    def value(found: re.Match[str]) -> str:
        if found["stray"]:
            problems.append("'${' that starts no ${VAR} or ${VAR:-default}, for itself write '$${'")
            return found[0]
        if not found["name"]:
            return "${"
        if found["default"] is not None:
            return variables.get(found["name"]) or found["default"][2:]
        if found["name"] not in variables:
            name = found["name"]
            problems.append(f"the variable {name} is not set, expected it or ${{{name}:-default}}")
            return found[0]
        return variables[found["name"]]

    return _REFERENCE.sub(value, text), problems


def is_reference(text: str) -> bool:
    """Return whether `text` is one reference and nothing else."""
    found = _REFERENCE.fullmatch(text)
    return bool(found and found["name"])
