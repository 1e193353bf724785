"""Spares in what the command line shows."""

import click
import msgspec

from otpy.cli.processes import Process, Spare
from otpy.cli.render import to_pretty_json
from otpy.cli.status import detailed, listed

PROCESS = Process(
    path="a",
    name="a",
    kind="worker",
    state="running",
    pid=7,
    incarnation=1,
    restarts=0,
    started_at=None,
    uptime=None,
    memory=None,
    reason="",
    retry_at=None,
)
SPARES = tuple(Spare(pid=pid, memory=3 << 20) for pid in (8, 9))
WITH_SPARES = msgspec.structs.replace(PROCESS, name="b", spares=SPARES)


def rows(processes: list[Process]) -> list[str]:
    """Return the lines of a list, one space between columns."""
    lines = click.unstyle(listed(processes)).splitlines()
    return [" ".join(line.split()) for line in lines]


def test_they_are_counted_if_there_are_any() -> None:
    titles = "NAME KIND STATE PID {}RESTARTS UPTIME LAST EXIT"
    assert rows([PROCESS])[0] == titles.format("")
    assert rows([PROCESS, WITH_SPARES]) == [
        titles.format("SPARES "),
        "a worker running 7 - 0 - -",
        "b worker running 7 2 0 - -",
    ]


def test_one_process_is_shown_with_their_memory() -> None:
    assert "spares" not in detailed(PROCESS, None)
    shown = detailed(WITH_SPARES, None)
    assert "pid 8 (3.0 MiB), pid 9 (3.0 MiB)" in shown


def test_json_has_them() -> None:
    (data,) = msgspec.json.decode(to_pretty_json([WITH_SPARES]))
    assert data["spares"] == [
        {"pid": 8, "memory": 3 << 20, "memory_exact": True},
        {"pid": 9, "memory": 3 << 20, "memory_exact": True},
    ]
