"""Probes, and what makes a child ready, as they are written in a file."""

from typing import Final, assert_never

from otpy.core.health import Health
from otpy.core.probes import (
    ExecProbe,
    HttpProbe,
    LogProbe,
    NewlineAt,
    Notified,
    Probe,
    Question,
    Readiness,
    TcpProbe,
)

NOTIFY: Final = "notify"
TIMES: Final = ("every", "timeout", "after")


def probe_to_data(found: Readiness | Health) -> object:
    """Return the form of what makes a child ready, or of what is asked while it runs."""
    match found:
        case Notified():
            return NOTIFY
        case NewlineAt(fd=fd):
            return {"fd": fd}
        case LogProbe(pattern=pattern):
            return {"log": pattern}
        case Probe():
            return _asked_to_data(found)
        case Health(probe=probe, failures=failures):
            return {**_asked_to_data(probe), "failures": failures}
        case _:
            assert_never(found)


def _asked_to_data(probe: Probe) -> dict[str, object]:
    times = {key: getattr(probe, key) for key in TIMES}
    return {**_question_to_data(probe.question), **times}


def _question_to_data(question: Question) -> dict[str, object]:
    match question:
        case TcpProbe(host=host, port=port):
            return {"tcp": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}
        case HttpProbe(url=url, status=status):
            return {"http": url, "status": status}
        case ExecProbe(argv=argv):
            return {"exec": list(argv)}
        case _:
            assert_never(question)
