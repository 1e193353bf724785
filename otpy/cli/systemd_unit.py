"""From a tree to the unit of its service: systemd.service(5)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from otpy.core.spec import ChildSpec, CommandStart, SupervisorSpec, seconds_of

_BESIDE_S: Final = 15.0
"""What the node needs beside its tree: 5 s for the gateway, the logger and `on_event` each."""

_MARGIN_S: Final = 15.0
_EACH: Final = 4
_SELF: Final = 100
"""Descriptors of a supervisor: for each child, and of its own."""

_HARD: Final = 524_288
"""What systemd allows by itself; otpy raises its own limit up to that, and no worker's."""

_WATCHDOG_S: Final = 30
_WRONG_FILE: Final = 2

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where systemd looks for programs."""

_PLAIN: Final = re.compile(r"[\w@+=:,./-]+", re.ASCII)
_ESCAPES: Final = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t"}


class BadUnit(ValueError):
    """No unit can say that."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit says beside its tree.

    Attributes:
        name: The node's.
        spec: The tree.
        command: What runs it: the absolute path of a program, and arguments.
        folder: Where it is started, absolute.
        for_user: Whether it is one of the service manager of a user.
        account: The user that the node runs as; None for that of the service manager.
        environment: Variables.
        kill: Path of kill(1).
    """

    name: str
    spec: SupervisorSpec
    command: Sequence[str]
    folder: str
    for_user: bool
    account: str | None
    environment: Mapping[str, str]
    kill: str = "/bin/kill"


def unit_text(unit: Unit) -> str:
    """Return the text of the unit.

    Raises:
        BadUnit: A path has a control character.
    """
    sections = {"Unit": _about(unit), "Service": _service(unit), "Install": _install(unit)}
    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in lines), ""])
        for name, lines in sections.items()
    )


def _about(unit: Unit) -> Iterator[tuple[str, str]]:
    yield "Description", f"otpy node {_literal(unit.name)}"
    yield "Documentation", "man:systemd.service(5)"
    if not unit.for_user:
        yield "After", "network.target"


def _service(unit: Unit) -> Iterator[tuple[str, str]]:
    yield "Type", "notify"
    yield "NotifyAccess", "main"
    if unit.account is not None:
        yield "User", _literal(unit.account)
    yield "WorkingDirectory", _literal(unit.folder)
    if unit.account is not None:
        yield "RuntimeDirectory", f"otpy-{_literal(unit.name)}"
        yield "RuntimeDirectoryMode", "0700"
        yield "RuntimeDirectoryPreserve", "yes"
        yield "Environment", f'"OTPY_DIR=%t/otpy-{_escaped(unit.name)}"'
    for name, value in unit.environment.items():
        yield "Environment", f'"{_escaped(f"{name}={value}")}"'
    program, *arguments = unit.command
    yield "ExecStart", " ".join([_word(program), *(_argument(each) for each in arguments)])
    yield "ExecReload", f"{_word(unit.kill)} -HUP $MAINPID"
    yield "KillMode", "mixed"
    yield "Restart", "on-failure"
    yield "RestartSec", "1"
    yield "RestartPreventExitStatus", str(_WRONG_FILE)
    yield "TimeoutStartSec", "infinity"
    yield "TimeoutStopSec", _span(_stop_seconds(unit.spec))
    yield "WatchdogSec", str(_WATCHDOG_S)
    yield "LimitNOFILE", f"1024:{max(_HARD, _descriptors(unit.spec))}"
    yield "Delegate", "yes"


def _install(unit: Unit) -> Iterator[tuple[str, str]]:
    yield "WantedBy", "default.target" if unit.for_user else "multi-user.target"


# ---- what a tree needs -----------------------------------------------------------------------


def _stop_seconds(spec: SupervisorSpec) -> float | None:
    """Return the seconds that a node needs for an orderly stop; None is: any number."""
    tree = _budget(spec)
    return None if tree is None else tree + _BESIDE_S + _MARGIN_S


def _budget(spec: SupervisorSpec) -> float | None:
    """Return what the children of a supervisor may need: one after the other, as OTP stops them.

    Those of a dynamic one are stopped at once.
    """
    below = [*spec.children, *([spec.template] if spec.template is not None else [])]
    budgets = [_budget_of(child) for child in below]
    known = [each for each in budgets if each is not None]
    if len(known) < len(budgets):
        return None
    return max(known, default=0.0) if spec.is_dynamic else sum(known)


def _budget_of(child: ChildSpec) -> float | None:
    own = seconds_of(child.shutdown)
    if not isinstance(child.start, SupervisorSpec):
        return own
    below = _budget(child.start)
    return own if below is None else below if own is None else min(own, below)


def _descriptors(spec: SupervisorSpec) -> int:
    """Return how many descriptors the supervisor with the most children needs."""
    count = max(len(spec.children), spec.max_children or 0)
    below = [_descriptors(c.start) for c in spec.children if isinstance(c.start, SupervisorSpec)]
    return max([_EACH * count + _SELF, *below])


def programs_of(spec: SupervisorSpec) -> Iterator[str]:
    """Yield the programs that the commands of a tree name."""
    for child in (*spec.children, *([spec.template] if spec.template is not None else [])):
        match child.start:
            case CommandStart(argv=argv):
                yield argv[0]
            case SupervisorSpec() as below:
                yield from programs_of(below)
            case _:
                pass


def names_users(spec: SupervisorSpec) -> bool:
    """Return whether a child of a tree runs as a user of its own, for which root is needed."""
    for child in (*spec.children, *([spec.template] if spec.template is not None else [])):
        surroundings = child.inheritable.surroundings
        if surroundings.user is not None or surroundings.group is not None:
            return True
        if isinstance(child.start, SupervisorSpec) and names_users(child.start):
            return True
    return False


# ---- how systemd reads it --------------------------------------------------------------------


def _span(seconds: float | None) -> str:
    return "infinity" if seconds is None else f"{seconds:g}"


def _checked(text: str) -> str:
    if not text.isprintable() or text != text.strip() or text.endswith("\\"):
        raise BadUnit(f"{text!r} cannot stand in a unit of systemd")
    return text


def _literal(text: str) -> str:
    """Return a value that is no list of words."""
    return _checked(text).replace("%", "%%")


def _escaped(text: str) -> str:
    """Return what stands between double quotes; ``%`` would begin a specifier."""
    return "".join(_ESCAPES.get(each, each) for each in text).replace("%", "%%")


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else f'"{_escaped(_checked(text))}"'


def _argument(text: str) -> str:
    """Return a word in which no variable is expanded."""
    return _word(text).replace("$", "$$")
