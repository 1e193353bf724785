"""The command line: one small file a command; each parses, makes one client call and prints."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line `args`, or the process's own, and return the exit status."""
    try:
        # Here, so that Ctrl-C while click and the command are imported ends quietly too.
        from otpy.cli.app import run  # noqa: PLC0415

        return run(args)
    except KeyboardInterrupt:
        return 130
