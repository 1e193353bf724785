"""The names that other tools have for the keys of a child."""

from collections.abc import Mapping
from typing import Final

ELSEWHERE: Final[Mapping[str, str]] = {
    # supervisord and circus
    "autorestart": "restart",
    "directory": "cwd",
    "environment": "env",
    "numprocesses": "instances",
    "numprocs": "instances",
    "startretries": "max_restarts",
    "startsecs": "ready",
    "stdout_logfile": "log",
    "stopasgroup": "stop_group",
    "stopsignal": "stop_signal",
    "stopwaitsecs": "shutdown",
    "working_dir": "cwd",
    # process-compose and Compose
    "availability": "restart",
    "healthcheck": "health",
    "liveness_probe": "health",
    "log_location": "log",
    "processes": "children",
    "programs": "children",
    "readiness_probe": "ready",
    "services": "children",
    "stop_grace_period": "shutdown",
    "working_directory": "cwd",
    # systemd
    "cpuaffinity": "cpu_affinity",
    "environmentfile": "env_file",
    "execstart": "command",
    "killsignal": "stop_signal",
    "timeoutstartsec": "start_timeout",
    "timeoutstopsec": "shutdown",
    "watchdogsec": "watchdog",
    "workingdirectory": "cwd",
}
"""Lower case, to the name here."""
