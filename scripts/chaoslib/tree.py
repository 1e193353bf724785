"""The tree under chaos: every kind of process, at several depths."""

from typing import Final

_LIMITS: Final = "max_restarts: 1000000, max_seconds: 1"

TREE: Final = f"""\
name: NAME
max_restarts: 1000000
max_seconds: 1
children:
  - {{id: server, start: "scripts.chaoslib.workers:Server"}}
  - {{id: async, start: "scripts.chaoslib.workers:AsyncServer"}}
  - {{id: function, start: "scripts.chaoslib.workers:function"}}
  - {{id: parent, start: "scripts.chaoslib.workers:parent"}}
  - {{id: program, command: [sh, -c, "sleep 99999 & wait"]}}
  - {{id: pool, instances: 3, {_LIMITS}, start: "scripts.chaoslib.workers:Server"}}
  - {{id: tasks, strategy: dynamic, {_LIMITS}}}
  - {{id: dynamic, strategy: dynamic, {_LIMITS}}}
  - id: rest
    strategy: rest_for_one
    max_restarts: 1000000
    max_seconds: 1
    children:
      - {{id: first, start: "scripts.chaoslib.workers:Server"}}
      - {{id: relay, start: "scripts.chaoslib.workers:Relay"}}
      - id: all
        strategy: one_for_all
        max_restarts: 1000000
        max_seconds: 1
        children:
          - {{id: last, start: "scripts.chaoslib.workers:AsyncServer"}}
          - {{id: arelay, start: "scripts.chaoslib.workers:AsyncRelay"}}
          - {{id: sleeper, command: [sleep, "99999"]}}
"""

SERVERS: Final = ("server", "async", "function", "rest/first", "rest/relay", "rest/all/last")
"""Workers that apply calls and casts, by their paths."""

POOL: Final = tuple(f"pool/{number}" for number in range(3))

RELAYS: Final = ("rest/relay", "rest/all/arelay")

SUPERVISORS: Final = ("root", "pool", "tasks", "dynamic", "rest", "rest/all")
"""By their titles."""

WORKERS: Final = (
    *SERVERS,
    *POOL,
    "rest/all/arelay",
    "parent",
)

STATIC: Final = frozenset({*SUPERVISORS, *WORKERS, "gateway"})
"""The titles of all processes that run once the tree is up, programs and the node left aside."""
