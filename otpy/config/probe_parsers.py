"""The forms of probes, and of what makes a child ready; the way back is `probe_data`."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from otpy.config.mistakes import did_you_mean, one_of, show
from otpy.config.parsers import (
    DURATION_PATTERN,
    Problem,
    program_word,
    seconds,
    seconds_above_zero,
    wanted,
    within,
)
from otpy.config.parsers import MAX_NUMBER as MAX_SECONDS
from otpy.config.probe_data import NOTIFY, TIMES
from otpy.core.health import Health
from otpy.core.probes import (
    ExecProbe,
    HttpProbe,
    LogProbe,
    NewlineAt,
    Notified,
    Probe,
    Readiness,
    TcpProbe,
)

MAX_FD: Final = 1023
MAX_PORT: Final = 65535
MAX_FAILURES: Final = 1000
MAX_STATUS: Final = 599
MIN_STATUS: Final = 100

_HOST: Final = re.compile(r"\[(?P<six>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[^\s:/\[\]]+)")

Reader: TypeAlias = Callable[[Any], Any]


def readiness(value: object) -> Readiness:
    """Read what makes a program ready."""
    return _readiness(value, _OF_PROGRAMS)


def readiness_of_python(value: object) -> Readiness:
    """Read what makes a function or a server ready: it has no descriptor 3 to write to."""
    if isinstance(value, dict) and "fd" in value:
        raise within(
            [(("fd",), "'fd' with 'start', expected only with 'command'; here notify", True)]
        )
    return _readiness(value, _OF_PYTHON)


def _readiness(value: object, kinds: Mapping[str, Reader]) -> Readiness:
    if value == NOTIFY:
        return Notified()
    if not isinstance(value, dict):
        raise wanted(f"{NOTIFY} or {_a_mapping(kinds)}{did_you_mean(value, (NOTIFY,))}")
    found: Readiness
    found, _ = probe_of(value, kinds)
    return found


def health(value: object) -> Health:
    """Read what is asked of a child while it runs."""
    for kind in ("log", "fd", NOTIFY):
        if value == kind or (isinstance(value, dict) and kind in value):
            why = "that is said once, at the start; for signs of life there is watchdog"
            raise wanted(f"{_a_mapping(ASKED)}, not {kind}: {why}")
    if not isinstance(value, dict):
        raise wanted(_a_mapping(ASKED))
    probe, beside = probe_of(value, ASKED, {"failures": _failures})
    return Health(probe, **beside)


def _failures(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_FAILURES:
        return value
    raise wanted(f"an integer from 1 to {MAX_FAILURES}")


def probe_of(
    value: dict[Any, Any], kinds: Mapping[str, Reader], others: Mapping[str, Reader] | None = None
) -> tuple[Any, dict[str, Any]]:
    """Read a mapping that has one of several kinds, with what belongs to it.

    Args:
        value: The mapping.
        kinds: Readers of the kinds that may be there.
        others: Readers of what else may be beside each of them.

    Returns:
        What the kind is read as, a `Probe` if it is asked again and again; and what `others` read.
    """
    others = others or {}
    given = [key for key in value if key in kinds]
    if len(given) != 1:
        raise wanted(_a_mapping(kinds))
    (kind,) = given
    is_asked = kind in ASKED
    readers = {
        kind: kinds[kind],
        **({"status": _status} if kind == "http" else {}),
        **(_TIME_READERS if is_asked else {}),
        **others,
    }
    found = _read_all(value, readers, kind)
    beside = {key: found.pop(key) for key in others if key in found}
    times = {key: found.pop(key) for key in TIMES if key in found}
    what = found.pop(kind)
    if "status" in found:
        what = HttpProbe(what.url, found["status"])
    return (Probe(what, **times) if is_asked else what), beside


def _read_all(value: dict[Any, Any], readers: Mapping[str, Reader], kind: str) -> dict[str, Any]:
    """Read each key; tell of all that are wrong."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, each in value.items():
        if key not in readers:
            near = did_you_mean(key, readers)
            text = f"unknown key {show(key)} with {kind!r}, expected {one_of(readers)}{near}"
            problems.append(((key,), text, True))
            continue
        try:
            found[key] = readers[key](each)
        except PydanticCustomError as error:
            problems.append(((key,), f"got {show(each)}, expected {error.message()}", False))
    if problems:
        raise within(problems)
    return found


def _a_mapping(kinds: Mapping[str, Reader]) -> str:
    return f"a mapping with one of {one_of(kinds)}"


def _tcp(value: object) -> TcpProbe:
    if isinstance(value, str) and not value.isdecimal():
        host, colon, port = value.rpartition(":")
        found = _HOST.fullmatch(host)
        if colon and found is not None and port.isdecimal():
            return TcpProbe(found["six"] or found["host"], _port(port))
        raise wanted(_A_PORT)
    return TcpProbe("localhost", _port(value))


_A_PORT: Final = f"HOST:PORT or a port from 1 to {MAX_PORT}"


def _port(value: object) -> int:
    digits = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 6
    number = int(str(value)) if digits else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= MAX_PORT:
        return number
    raise wanted(_A_PORT)


def _http(value: object) -> HttpProbe:
    if isinstance(value, str) and not _wrong_url(value):
        return HttpProbe(value.partition("#")[0])
    if isinstance(value, str) and value.lower().startswith("https:"):
        raise wanted(f"{_A_URL}; for https use exec, such as exec: [curl, -fsS, {value}]")
    raise wanted(_A_URL)


_A_URL: Final = "a URL such as http://localhost:8000/health"


def _wrong_url(value: str) -> bool:
    if any(c.isspace() or not c.isprintable() for c in value) or not value.isascii():
        return True
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        return True
    return url.scheme != "http" or not url.hostname or "@" in url.netloc or port == 0


def _status(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and MIN_STATUS <= value <= MAX_STATUS:
        return value
    raise wanted(f"a status from {MIN_STATUS} to {MAX_STATUS}")


def _exec(value: object) -> ExecProbe:
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        words = tuple([program_word(each) for each in value])
        if words[0]:
            return ExecProbe(words)
    raise wanted("a list of strings such as [redis-cli, ping] that starts with a program")


def _log(value: object) -> LogProbe:
    if not isinstance(value, str) or not value:
        raise wanted("a regular expression that a line of its output matches")
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise wanted(f"a regular expression of Python's re: {error}") from None
    return LogProbe(value)


def _fd(value: object) -> NewlineAt:
    if isinstance(value, int) and not isinstance(value, bool) and 3 <= value <= MAX_FD:
        return NewlineAt(value)
    raise wanted(f"a descriptor from 3 to {MAX_FD}")


_TIME_READERS: Final[dict[str, Reader]] = {
    "every": seconds_above_zero,
    "timeout": seconds_above_zero,
    "after": seconds,
}
ASKED: Final[dict[str, Reader]] = {"tcp": _tcp, "http": _http, "exec": _exec}
"""The kinds that can be asked again and again."""
_OF_PYTHON: Final[dict[str, Reader]] = {**ASKED, "log": _log}
_OF_PROGRAMS: Final[dict[str, Reader]] = {"fd": _fd, **_OF_PYTHON}


# ---- for editors -------------------------------------------------------------------------------

_DURATION: Final = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": MAX_SECONDS},
        {"type": "string", "pattern": DURATION_PATTERN},
    ]
}
_PORT_SCHEMA: Final = {"type": "integer", "minimum": 1, "maximum": MAX_PORT}
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "fd": {"type": "integer", "minimum": 3, "maximum": MAX_FD},
    "tcp": {"anyOf": [_PORT_SCHEMA, {"type": "string", "minLength": 1}]},
    "http": {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp]://|\$\{"},
    "exec": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "log": {"type": "string", "minLength": 1},
}


def probe_schema(kind: str, others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON Schema of the mapping of one kind."""
    properties: dict[str, Any] = {kind: _SCHEMAS[kind], **(others or {})}
    if kind == "http":
        properties["status"] = {"type": "integer", "minimum": MIN_STATUS, "maximum": MAX_STATUS}
    if kind in ASKED:
        properties |= dict.fromkeys(TIMES, _DURATION)
    return {
        "type": "object",
        "properties": properties,
        "required": [kind],
        "additionalProperties": False,
    }


def readiness_schema(*, of_program: bool) -> dict[str, Any]:
    """Return the JSON Schema of `ready`."""
    kinds = _OF_PROGRAMS if of_program else _OF_PYTHON
    return {"anyOf": [{"const": NOTIFY}, *(probe_schema(kind) for kind in kinds)]}


def health_schema() -> dict[str, Any]:
    """Return the JSON Schema of `health`."""
    failures = {"failures": {"type": "integer", "minimum": 1, "maximum": MAX_FAILURES}}
    return {"anyOf": [probe_schema(kind, failures) for kind in ASKED]}
