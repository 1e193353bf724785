"""The command `otpy` itself: its subcommands, imported on use, and its exit statuses."""

import importlib
import keyword
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import click

from otpy.cli.errors import DONE, WRONG
from otpy.cli.options import json_option, node_option
from otpy.cli.output import report, wants_json
from otpy.cli.session import Session
from otpy.cli.show import show
from otpy.system.signals import StoppedEarly, end_by, restore_signals

SECTIONS: Final = {
    "Trees": ("init", "import", "run", "check", "plan", "reload", "schema", "export", "demo"),
    "Look": ("tree", "status", "top", "pid", "events", "why", "logs"),
    "Talk": ("call", "cast"),
    "Debug": ("state", "replace-state", "durable", "suspend", "resume", "trace", "stack"),
    "Operate": (
        *("start", "stop", "restart", "kill", "delete", "scale", "wait", "shutdown"),
        "terminate",
    ),
    "Shell": ("completion",),
}
"""Every subcommand, as `otpy --help` groups them. Each is a module of this package.

`otpy.cli.sys_command` adds to "Debug" what needs no module.
"""

_OTHER_WORDS: Final = {
    "avail": "status",
    "down": "shutdown",
    "list": "status",
    "log": "logs",
    "ls": "status",
    "ps": "status",
    "remove": "delete",
    "rm": "delete",
    "signal": "kill",
    "tail": "logs",
    "up": "run",
    "validate": "check",
}
"""What commands of other tools are called here."""

COMMANDS: Final = tuple(name for names in SECTIONS.values() for name in names)


class Commands(click.Group):
    """A group that imports a subcommand's module only when it is used.

    `otpy call` then does not pay for the imports of `otpy check`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name every subcommand."""
        return [*COMMANDS, *_of_requests()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the subcommand; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            from otpy.cli.sys_command import sys_command  # noqa: PLC0415 - most have a module

            return sys_command(cmd_name)
        module = cmd_name.replace("-", "_") + "_" * keyword.iskeyword(cmd_name)
        command = getattr(importlib.import_module(f"otpy.cli.{module}"), module)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; for one that there is not, what may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.UsageError(
                _no_such_command(error.command_name, self.list_commands(ctx)), ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands in sections."""
        limit = formatter.width - 6 - max(map(len, self.list_commands(ctx)))
        for section, names in {**SECTIONS, "Debug": (*SECTIONS["Debug"], *_of_requests())}.items():
            with formatter.section(section):
                commands = [(name, self.get_command(ctx, name)) for name in names]
                formatter.write_dl(
                    [(name, c.get_short_help_str(limit)) for name, c in commands if c is not None]
                )


def _no_such_command(name: str, names: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415 - nearly every name is right

    near = [_OTHER_WORDS[name]] if name in _OTHER_WORDS else difflib.get_close_matches(name, names)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"No such command {name!r}.{meant}"


def _of_requests() -> Iterator[str]:
    from otpy.cli.sys_command import sys_commands  # noqa: PLC0415 - as above

    return sys_commands()


@click.command(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@node_option
@json_option
@click.version_option(package_name="otpy", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Supervision trees and GenServers, every one of them an operating-system process.

    A running tree is a node; -n names it when more than one runs.

    \b
    Exit status: 0 done, or so already; 1 it failed, and stderr says why;
    2 the command line or the file is wrong; 3 there is no such node or process;
    4 it was not done in time. "otpy COMMAND --help" describes each command.
    """  # noqa: D301 - \b is click's mark for lines to be left as they are
    if ctx.invoked_subcommand is None:
        if wants_json():
            raise click.UsageError("Missing command", ctx)
        show(ctx.get_help())
        ctx.exit(WRONG)


def run(args: Sequence[str] | None = None) -> int:
    """Run one command line; return its exit status.

    Every failure becomes one line on stderr, or an object; no traceback reaches the user.
    """
    restore_signals({signal.SIGCHLD})  # which tells how the processes end that are started here
    words = sys.argv[1:] if args is None else args
    session = Session(as_json=says_json(words))
    try:
        return perform(words, session)
    except StoppedEarly as stopped:
        return end_by(stopped.number)
    except (KeyboardInterrupt, click.Abort, Exception) as error:  # noqa: BLE001 - whatever it is
        return report(error, as_json=session.as_json)


def says_json(words: Sequence[str]) -> bool:
    """Return whether ``--json`` is an option of a command line, which may be wrong as a whole."""
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options


def perform(args: Sequence[str], session: Session) -> int:
    """Run one command line, or complete one for the shell that asks in the environment.

    Not `cli.main`, which would take a broken connection for a closed stdout and say nothing.
    """
    if wanted := os.environ.get("_OTPY_COMPLETE"):
        from click.shell_completion import shell_complete  # noqa: PLC0415 - a shell asks, at Tab

        from otpy.cli.completion import add_shells  # noqa: PLC0415 - as above

        add_shells()
        return shell_complete(cli, {"obj": Session()}, "otpy", "_OTPY_COMPLETE", wanted)
    color = False if os.environ.get("NO_COLOR") else None
    with cli.make_context("otpy", list(args), obj=session, color=color) as ctx:
        cli.invoke(ctx)
    return DONE
