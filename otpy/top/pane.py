"""The pane below the table: log, state, stack, or the last ends, of the selected process."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Log, Static
from textual.worker import Worker

from otpy.aio.client.node import Node
from otpy.cli.errors import problem_of
from otpy.cli.names import shown
from otpy.cli.state import laid_out
from otpy.cli.why import subject_of
from otpy.cli.why_view import text_of
from otpy.errors import CallTimeout, OtpyError
from otpy.top.log_tail import following, in_thread
from otpy.wire.safe_text import escaped, styled

_ANSWER_S: Final = 5.0
_AGAIN_S: Final = 1.0
_LINES: Final = 1000
"""How many lines of a log are kept in the pane."""

Connection = Callable[[], Node | None]


async def _state(node: Node, path: str) -> str:
    return laid_out(await node[path].get_state(timeout=_ANSWER_S))


async def _stack(node: Node, path: str) -> str:
    return escaped((await node[path].stack(timeout=_ANSWER_S)).rstrip())


async def _why(node: Node, path: str) -> str:
    rows = [await node[path].info()]
    return await in_thread(lambda: text_of(subject_of(node, rows, path)))


class Kind(NamedTuple):
    """What a pane can show.

    Attributes:
        title: Before the name of the process.
        text: Returns it; None for the log, which is followed.
    """

    title: str
    text: Callable[[Node, str], Awaitable[str]] | None


KINDS: Final = {
    "logs": Kind("log of", None),
    "state": Kind("state of", _state),
    "stack": Kind("stack of", _stack),
    "why": Kind("ends of", _why),
}


class Pane(Vertical):
    """It is hidden while there is nothing to show.

    Args:
        connection: Returns the node, or None while it does not run.
        node_name: The node's name.
    """

    DEFAULT_CSS = """
    Pane { height: 1fr; display: none; border-top: solid $primary; }
    Pane Log, Pane VerticalScroll { height: 1fr; background: $background; }
    Pane.-logs VerticalScroll { display: none; }
    Pane.-text Log { display: none; }
    """

    def __init__(self, connection: Connection, node_name: str) -> None:
        super().__init__()
        self._connection, self._node_name = connection, node_name
        self.kind: str | None = None
        self.path: str | None = None
        self._log = Log(max_lines=_LINES)
        self._text = Static()

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield self._log
        with VerticalScroll():
            yield self._text

    def show(self, kind: str | None, path: str | None) -> None:
        """Show something else; None for nothing."""
        if (kind, path) == (self.kind, self.path):
            return
        self.kind, self.path = kind, path
        self.display = kind is not None
        self.workers.cancel_node(self)
        if kind is None or path is None:
            return
        about = KINDS[kind]
        self.border_title = Text(f"{about.title} {shown(path)}")
        self.set_class(about.text is None, "-logs")
        self.set_class(about.text is not None, "-text")
        self._log.clear()
        self._text.update("")
        # No coroutine yet: one that is cancelled before it begins would never be awaited.
        ask = about.text
        follow = partial(self._follow_log, path)
        work = follow if ask is None else partial(self._ask_again, ask, path)
        _worker: Worker[None] = self.run_worker(work, exit_on_error=False)

    def text(self) -> str:
        """Return what it shows."""
        if self.kind == "logs":
            return "\n".join(self._log.lines)
        return self._shown

    _shown = ""
    _is_waiting = False

    async def _follow_log(self, path: str) -> None:
        while True:
            try:
                async with following(self._node_name, path) as pieces:
                    async for lines in pieces:
                        self._add(lines)
            except (OtpyError, OSError) as error:
                self._log.clear()
                self._log.write_line(problem_of(error).line)
            await asyncio.sleep(_AGAIN_S)
            self._log.clear()

    def _add(self, lines: list[str]) -> None:
        if lines and self._is_waiting:
            self._log.clear()
        if lines:
            self._log.write_lines(lines)
            self._is_waiting = False
        elif not self._log.line_count:
            self._log.write_line("it has logged nothing yet")
            self._is_waiting = True

    async def _ask_again(self, ask: Callable[[Node, str], Awaitable[str]], path: str) -> None:
        """Show the answer, a new one each second, as long as the pane shows this."""
        while True:
            node = self._connection()
            try:
                text = "the node does not run" if node is None else await ask(node, path)
            except CallTimeout:
                text = f"it has not answered within {_ANSWER_S:g} s"
            except (OtpyError, OSError) as error:
                text = problem_of(error).line
            if text != self._shown:
                self._shown = text
                self._text.update(Text.from_ansi(styled(text)))
            await asyncio.sleep(_AGAIN_S)
