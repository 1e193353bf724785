"""What a process starts in: its environment, directory, user and limits; how children inherit it.

A key that stands on a supervisor holds for every child below that does not say otherwise: see
`otpy.core.placement`.
"""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Final

from otpy.core.effects import LIVE, RESTART


@dataclass(frozen=True, slots=True)
class Limit:
    """A resource limit: a number, ``infinity``, or None to leave it as it is."""

    soft: Annotated[int | str | None, RESTART] = None
    hard: Annotated[int | str | None, RESTART] = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process starts in; None leaves it as the node has it.

    Attributes:
        env: Values by name; None removes the name.
        env_file: Paths of files in dotenv syntax, read at every start; one that ends in ``?`` may
            be missing.
        inherit_env: Whether the node's environment is inherited, or which names of it.
        cwd: The working directory.
        user: Name or number of a user; with its supplementary groups.
        group: Name or number of a group; the user's own unless given.
        umask: In octal.
        nice: From -20 to 19.
        cpu_affinity: Numbers of the CPUs, in order.
        limits: Resource limits by the names of setrlimit(2), in lower case, without RLIMIT.
        log_level: From which level on records of `logging` are logged, by number or name.
        stdin: The path of what it reads; /dev/null unless given. Not inherited from a supervisor.
    """

    env: Annotated[dict[str, str | None] | None, RESTART] = None
    env_file: Annotated[tuple[str, ...] | None, RESTART] = None
    inherit_env: Annotated[bool | tuple[str, ...] | None, RESTART] = None
    cwd: Annotated[str | None, RESTART] = None
    user: Annotated[int | str | None, RESTART] = None
    group: Annotated[int | str | None, RESTART] = None
    umask: Annotated[str | None, RESTART] = None
    nice: Annotated[int | None, RESTART] = None
    cpu_affinity: Annotated[tuple[int, ...] | None, RESTART] = None
    limits: Annotated[dict[str, Limit] | None, RESTART] = None
    log_level: Annotated[int | str | None, LIVE] = None
    stdin: Annotated[str | None, RESTART] = None

    def inherit(self, above: "Surroundings") -> "Surroundings":
        """Return these with what `above`, the supervisor's, says and these do not.

        `env` is merged name by name. Surroundings that name a user name its group, too.
        """
        if above == NODES:
            return self
        if self == NODES and above.stdin is None:
            return above  # the same for all children that say nothing
        inherited = {
            each.name: getattr(above, each.name)
            for each in fields(Surroundings)
            if getattr(self, each.name) is None and each.name != "stdin"
        }
        if self.user is not None:
            inherited.pop("group", None)
        if self.env is not None and above.env is not None:
            inherited["env"] = {**above.env, **self.env}
        return replace(self, **inherited)

    def in_folder(self, folder: str) -> "Surroundings":
        """Return these with relative paths made absolute, from `folder` on."""
        if not folder or (self.env_file, self.cwd, self.stdin) == (None, None, None):
            return self
        files = self.env_file and tuple([_from(folder, file) for file in self.env_file])
        cwd, stdin = (path and _from(folder, path) for path in (self.cwd, self.stdin))
        return replace(self, env_file=files, cwd=cwd, stdin=stdin)


def _from(folder: str, path: str) -> str:
    # Not shortened: after a link, .. is another directory.
    return path if path.startswith("/") else f"{folder.rstrip('/')}/{path}"


NODES: Final = Surroundings()
"""The node's own, as they are for a child of which nothing is said."""
