"""The one place where commands write: no text controls the terminal that it is shown on."""

import click

from otpy.wire.safe_text import escaped, styled

_HOME_AND_CLEAR = "\x1b[H\x1b[J"


def show(text: object = "", *, err: bool = False) -> None:
    """Write text on stdout, or on stderr, its control characters escaped."""
    click.echo(escaped(str(text)), err=err)


def show_styled(text: str) -> None:
    """Write text that is styled by `render`, which has escaped what stands in it."""
    click.echo(styled(text))


def show_screen(text: str) -> None:
    """Write styled text in place of all that the terminal shows."""
    click.echo(_HOME_AND_CLEAR + styled(text))


def show_lines(lines: bytes) -> None:
    """Write lines on stdout, each with its newline, in which the caller has escaped what controls.

    By bytes: a log may have a million lines.
    """
    click.echo(lines, nl=False)
