"""What a command prints of what it did, or could not do: for people, or with ``--json``.

A command does one thing and calls `answer` once::

    @click.command()
    @timeout_option
    @node_option
    @json_option
    @click.pass_context
    def plan(ctx: click.Context, *, timeout: float | None) -> None:
        node = connected(ctx)
        changes = ...
        answer(changes, text_of(changes))

or does the same to each of several names, and calls `each`, which prints name by name, goes on
where one fails, and ends the command with the highest exit status of them::

    def scale(...) -> None:
        def one(name: str) -> Done:
            return Done(f"{name}: 3 instances", {"did": "scaled", "instances": 3})

        each(names, one)

or prints as it goes, one line a record, and calls `stream` for each. What it cannot do it raises:
an exception of `otpy.errors`, or `Failed("what went wrong", "what to do", kind="one_word")`, of
which `otpy.cli.app` makes a line on stderr or the JSON object, and the exit status, by the one
table in `otpy.cli.errors`. No command writes an error by itself, or asks whether JSON is wanted.

JSON is one object: ``{"ok": true, "result": ...}``, or ``{"ok": false, "error": {"kind": ...,
"message": ..., "hint": ...}}``; "ok" is true if and only if the exit status is 0. Of several
names, "result" is a list with an object for each: its "name", its "ok", and what was done or its
"error"; it is there as well when some of them failed. The result of each command is described in
`otpy.cli.output_schema`, whose tests ask for an entry of every command.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import click

from otpy.cli.errors import Problem, nobody_reads, problem_of, write_no_more
from otpy.cli.render import to_json, to_pretty_json
from otpy.cli.session import Session
from otpy.cli.show import show, show_styled
from otpy.errors import NodeNotFound
from otpy.wire.safe_text import one_line

_NOTHING: Final[dict[str, object]] = {}


class Done(NamedTuple):
    """What was done to one of several names.

    Attributes:
        text: For people, on a line, or on several.
        fields: For programs, beside "name" and "ok".
        is_styled: The text has colors of `otpy.cli.render`, which has escaped the rest.
        problem: What is wrong with what was found, which the text shows.
    """

    text: str
    fields: Mapping[str, object] = _NOTHING
    is_styled: bool = False
    problem: Problem | None = None


def wants_json() -> bool:
    """Return whether the command line says ``--json``."""
    context = click.get_current_context(silent=True)
    session = context.find_object(Session) if context is not None else None
    return session is not None and session.as_json


def answer(
    result: object, text: str, *, is_styled: bool = False, problem: Problem | None = None
) -> None:
    """Print what a command did: `text` for people, or the object with `result`.

    Args:
        result: For programs.
        text: For people.
        is_styled: As of `Done`.
        problem: What is wrong with what was found, which `text` shows: it ends the command.

    Raises:
        click.exceptions.Exit: There is a `problem`: with its exit status.
    """
    if wants_json():
        _print_object({**_outcome(problem), "result": result})
    elif is_styled:
        show_styled(text)
    else:
        show(text)
    if problem is not None:
        raise click.exceptions.Exit(problem.status)


def _outcome(problem: Problem | None) -> dict[str, object]:
    return {"ok": True} if problem is None else {"ok": False, "error": problem.data}


def stream(record: object, text: str) -> None:
    """Print one of many: `text` for people, or `record` as a line of JSON."""
    show(to_json(record) if wants_json() else text)


def end_stream() -> None:
    """End what went on until Ctrl-C: that is no failure."""
    if not wants_json():
        show()  # behind the ^C


def each(names: Iterable[str], do: Callable[[str], Done]) -> None:
    """Do something to each name, one after another, and print what was done.

    One that fails does not keep the others from their turn; only when the node has ended they
    fail at once, for that reason. A name that is there twice has one turn.

    Args:
        names: As they are shown.
        do: Called with each; raises what went wrong.

    Raises:
        click.exceptions.Exit: Some failed: with the highest exit status of theirs.
    """
    names = tuple(dict.fromkeys(names))
    outcomes = _Outcomes(as_json=wants_json(), is_one=len(names) == 1)
    for name in names:
        outcomes.take(name, do)
    outcomes.close()


class _Outcomes:
    """What became of each name so far."""

    def __init__(self, *, as_json: bool, is_one: bool) -> None:
        self._as_json, self._is_one = as_json, is_one
        self._entries: list[dict[str, object]] = []
        self._worst: Problem | None = None
        self._over: Exception | None = None

    def take(self, name: str, do: Callable[[str], Done]) -> None:
        """Do it to one name, and print what came of it."""
        try:
            done = self._turn(name, do)
        except (KeyboardInterrupt, click.Abort) as error:
            self._failed(name, problem_of(error))
            self.close()
        except click.exceptions.Exit:
            raise
        except BrokenPipeError as error:
            if nobody_reads():
                raise  # nobody wants to know of the others
            self._failed(name, problem_of(error))
        except Exception as error:  # noqa: BLE001 - the others are not to pay for it
            if isinstance(error, NodeNotFound):
                self._over = error
            self._failed(name, problem_of(error))
        else:
            self._did(name, done)

    def _turn(self, name: str, do: Callable[[str], Done]) -> Done:
        if self._over is not None:
            raise self._over
        return do(name)

    def _did(self, name: str, done: Done) -> None:
        if self._as_json:
            self._entries.append({"name": name, **_outcome(done.problem), **done.fields})
        elif done.is_styled:
            show_styled(done.text)
        else:
            show(done.text)
        self._note(done.problem)

    def _failed(self, name: str, problem: Problem) -> None:
        text = problem.message
        if not self._is_one and repr(name) not in text:
            text = f"{name}: {text}"
        if self._as_json:
            self._entries.append({"name": name, **_outcome(problem)})
        named = problem._replace(message=text)
        self._note(named)
        if not self._as_json and problem.kind != "interrupted":
            _complain(named)

    def _note(self, problem: Problem | None) -> None:
        if problem is not None and (self._worst is None or self._worst.status < problem.status):
            self._worst = problem

    def close(self) -> None:
        """Print the object, and end the command if one has failed."""
        worst = self._worst
        if self._as_json:
            _print_object({**_outcome(worst), "result": self._entries})
        if worst is not None:
            raise click.exceptions.Exit(worst.status)


def report(error: BaseException, *, as_json: bool) -> int:
    """Print what went wrong, and return the exit status."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    problem = problem_of(error)
    if isinstance(error, BrokenPipeError) and nobody_reads():  # `otpy events | head`
        write_no_more()
    elif not as_json or not _print_error(problem):
        _complain(problem)
    return problem.status


def _print_error(problem: Problem) -> bool:
    """Print the object of an error; return whether stdout took it."""
    try:
        _print_object({"ok": False, "error": problem.data})
    except (OSError, ValueError):
        return False
    return True


def _print_object(value: object) -> None:
    pretty = sys.stdout is not None and sys.stdout.isatty()
    show(to_pretty_json(value) if pretty else to_json(value))


def _complain(problem: Problem) -> None:
    """Write lines on stderr."""
    if problem.kind == "interrupted":
        return  # it is the user who did it
    for line in problem.lines:
        show(one_line(line), err=True)
