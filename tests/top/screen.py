"""``otpy top`` in a terminal of Textual's that nobody sees, and what is on its screen."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from otpy.cli.statistics_view import Load
from otpy.top.app import TopApp
from tests.support.processes import DEADLINE_S


class Screen:
    """The application under test."""

    def __init__(self, app: TopApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.notes: list[str] = []
        """What has been reported so far; the application forgets it after some seconds."""

    @property
    def lines(self) -> list[str]:
        """The titles and the lines of the table, as far as they can be seen."""
        table = self.app.table
        drawn = [table.render_line(y).text.rstrip() for y in range(table.size.height)]
        return [line for line in drawn if line]

    @property
    def head(self) -> str:
        """The line above the table."""
        return self.app.head_text

    def line(self, name: str) -> str:
        """Return the line of a process; empty if there is none."""
        found = (
            line for line in self.lines if line.split()[:1] in ([name], ["-"]) and name in line
        )
        return next(found, "")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, look: Callable[[], object], what: str) -> None:
        """Wait until `look` finds something."""
        deadline = time.monotonic() + DEADLINE_S
        while not look():
            if time.monotonic() > deadline:
                shown = "\n".join([self.head, *self.lines, self.app.pane.text(), *self.notes])
                raise AssertionError(f"nobody saw {what}:\n{shown}")
            await asyncio.sleep(0.01)

    def select(self, path: str) -> None:
        """Select a process."""
        table = self.app.table
        paths = [line.load.path for line in table._lines]
        table.action_move(paths.index(path) - table._place)
        assert table.selected == path

    def load(self, path: str) -> Load:
        """Return what is known of a process."""
        return next(load for load in self.app.loads if load.path == path)

    async def answer(self, key: str, answer: str) -> None:
        """Press the key of an action, and answer its question."""
        await self.press(key)
        await self.until(lambda: self.app.screen.is_modal, "the question")
        await self.press(answer)
        await self.until(lambda: not self.app.screen.is_modal, "the table")

    async def noted(self, text: str) -> None:
        await self.until(lambda: any(text in note for note in self.notes), f"the note {text!r}")


@asynccontextmanager
async def screen_of(node: str, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Screen]:
    """Run the application, and wait until it shows the tree."""
    app = TopApp(node, interval=0.2)
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot)
        app.notify = lambda text, **_: screen.notes.append(text)  # type: ignore[method-assign]
        await screen.until(lambda: len(screen.lines) > 1, "the tree")
        yield screen


def shown(node: str, test: Callable[[Screen], Awaitable[Any]], **options: Any) -> None:
    """Run a test of what is shown of a node."""

    async def run() -> None:
        async with screen_of(node, **options) as screen:
            await test(screen)

    asyncio.run(run())
