"""The tree under chaos: every kind of process, at several depths."""

from typing import Final

FORK_SERVER_FROM: Final = 64
"""Of so many workers or more a supervisor has a fork server."""

_LIMITS: Final = "max_restarts: 1000000, max_seconds: 1"

_TREE: Final = f"""\
name: NAME
max_restarts: 1000000
max_seconds: 1
children:
  - {{id: server, start: "scripts.chaoslib.workers:Server", spare: 1}}
  - {{id: async, start: "scripts.chaoslib.workers:AsyncServer"}}
  - {{id: function, start: "scripts.chaoslib.workers:function"}}
  - {{id: parent, start: "scripts.chaoslib.workers:parent"}}
  - {{id: program, command: [sh, -c, "sleep 99999 & wait"]}}
  - {{id: pool, instances: 3, {_LIMITS}, start: "scripts.chaoslib.workers:Server", spare: 1}}
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
          - {{id: last, start: "scripts.chaoslib.workers:AsyncServer", spare: 2}}
          - {{id: arelay, start: "scripts.chaoslib.workers:AsyncRelay"}}
          - {{id: sleeper, command: [sleep, "99999"]}}
"""

SERVERS: Final = ("server", "async", "function", "rest/first", "rest/relay", "rest/all/last")
"""Workers that apply calls and casts, by their paths."""

POOL: Final = tuple(f"pool/{number}" for number in range(3))

RELAYS: Final = ("rest/relay", "rest/all/arelay")

SUPERVISORS: Final = ("root", "pool", "many", "tasks", "dynamic", "rest", "rest/all")
"""By their titles."""

WORKERS: Final = (
    *SERVERS,
    *POOL,
    "rest/all/arelay",
    "parent",
)

_STATIC: Final = frozenset({*SUPERVISORS, *WORKERS, "gateway"}) - {"many"}

_MANY: Final = f"""\
  - {{id: many, instances: COUNT, {_LIMITS}, start: "scripts.chaoslib.workers:rest"}}
"""


def tree(name: str, many: int) -> str:
    """Write the tree of a node; with `many` it has so many workers more, below one supervisor."""
    return _TREE.replace("NAME", name) + (_MANY.replace("COUNT", str(many)) if many else "")


def static(many: int) -> frozenset[str]:
    """Return the titles of all processes that run once it is up, programs and the node aside."""
    others = {"many", *(f"many/{number}" for number in range(many))} if many else set()
    server = {"fork server"} if many >= FORK_SERVER_FROM else set()
    return _STATIC | others | server


def is_one_of_many(title: str) -> bool:
    """Return whether a process is one of so many that there is no need to kill one often."""
    return title.startswith("many/")
