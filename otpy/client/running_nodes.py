"""Find the nodes that run by their names, or explain why there is none."""

from otpy.errors import NodeNotFound
from otpy.system.nodedir import NodeDir, can_be_name, node_names, runtime_dir


def is_starting(name: str) -> bool:
    """Return whether a node holds its lock but accepts no client yet: it starts, or ends."""
    return name in node_names()


def not_running(name: str) -> str:
    """Return the text that node `name` does not run, and what to do about it."""
    names = node_names()
    if name in names:
        return f"node {name!r} is starting or stopping; try again"
    if (pid := _node_without_files(name)) is not None:
        return (
            f"node {name!r} runs with pid {pid}, but somebody has removed its files; "
            "it puts them back within a second; try again"
        )
    if not names:
        return f"node {name!r} is not running; start it with `otpy run`"
    return f"node {name!r} is not running; these are: {', '.join(names)}"


def _node_without_files(name: str) -> int | None:
    """Return the pid of a node whose socket cannot be found, but that lives."""
    from otpy.system.claim import Claim  # noqa: PLC0415 - to say what is wrong

    return Claim(NodeDir(name)).holder() if can_be_name(name) else None


def only_node() -> str:
    """Return the name of the only node that runs.

    Raises:
        NodeNotFound: None runs, or more than one.
    """
    names = node_names()
    if not names:
        raise NodeNotFound(f"no node runs in {runtime_dir()}; start one with `otpy run FILE`")
    if len(names) > 1:
        raise NodeNotFound(
            f"more than one node runs: {', '.join(names)}; name the one you mean, "
            f"for example {names[0]!r}"
        )
    return names[0]
