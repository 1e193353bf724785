"""``otpy top`` with keys: the table, a pane below it, and what is done by keys."""

import asyncio
import contextlib
import os
import time
from functools import partial
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Footer, Input, Static
from textual.worker import Worker

from otpy import aio
from otpy.cli.errors import problem_of
from otpy.cli.names import shown
from otpy.cli.render import duration
from otpy.cli.statistics_view import Load
from otpy.errors import NodeNotFound, OtpyError
from otpy.top.actions import ACTIONS, Action
from otpy.top.lines import View, lines_of, state_of
from otpy.top.pane import Pane
from otpy.top.sampler import Sampler
from otpy.top.screens import Help, Question
from otpy.top.table import ProcessTable
from otpy.wire.paths import GATEWAY
from otpy.wire.safe_text import one_line

INTERVALS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two looks, as + and - choose them."""

_LATE_S: Final = 2.0
"""After how many seconds without an answer, beside the interval, the screen says so."""

_AWAY_S: Final = 0.5
"""Between two looks whether a node runs again."""


class TopApp(App[None]):
    """The application.

    Args:
        node_name: The node; it may end, and come back.
        interval: Seconds between two looks.
        sort: The order at first.
    """

    TITLE = "otpy top"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: 1; background: $primary; color: $text; padding: 0 1; }
    #head.-trouble { background: $error; color: $text; text-style: bold; }
    #filter { height: 1; border: none; padding: 0 1; display: none; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c", "quit", "quit", key_display="q"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("slash", "filter", "filter", key_display="/", priority=True),
        Binding("o", "order(1)", "order"),
        Binding("O", "order(-1)", show=False),
        Binding("P", "sort('cpu')", show=False),
        Binding("M", "sort('memory')", show=False),
        Binding("T", "sort('tree')", show=False),
        Binding("l", "pane('logs')", "logs"),
        Binding("v", "pane('state')", "state"),
        Binding("t", "pane('stack')", "stack"),
        Binding("w", "pane('why')", "why"),
        Binding("x", "act('stop')", "stop"),
        Binding("a", "act('start')", "start"),
        Binding("r", "act('restart')", "restart"),
        Binding("K", "act('kill')", "kill", key_display="K"),
        Binding("z", "suspend", "suspend"),
        Binding("plus,equals_sign", "interval(-1)", show=False),
        Binding("minus", "interval(1)", show=False),
        Binding("d", "light", show=False),
        Binding("escape", "close", show=False),
    ]

    def __init__(self, node_name: str, interval: float = 1.0, sort: str = "tree") -> None:
        super().__init__()
        self.node_name, self.interval = node_name, interval
        self.view = View(sort)
        self.loads: list[Load] = []
        self.trouble = self.head_text = ""
        self._node: aio.Node | None = None
        self._sampler = Sampler()
        self._answered = time.monotonic()
        self._look_now = asyncio.Event()
        self._gateway: int | None = None
        self.table = ProcessTable()
        self.pane = Pane(lambda: self._node, node_name)
        self.head = Static(id="head")
        self.filter = Input(id="filter", placeholder="a part of a name or a state")

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield self.head
        with Vertical():
            yield self.table
            yield self.pane
        yield self.filter
        yield Footer()

    def on_mount(self) -> None:
        """Begin to look."""
        self.theme = "textual-light" if _terminal_is_light() else self.theme
        self.table.focus()
        self.set_interval(_AWAY_S, self._show_head)
        _worker: Worker[None] = self.run_worker(self._watch)

    # ---- looking -----------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look again and again: at the node, and when it has ended at the one that follows."""
        while True:
            try:
                async with await aio.connect(self.node_name, timeout=None) as node:
                    await self._look_at(node)
            except NodeNotFound:
                self._say_trouble(f"node {self.node_name} does not run: waiting for it")
            except (OtpyError, OSError) as error:
                self._say_trouble(problem_of(error).line)
            finally:
                self._node = None
            await asyncio.sleep(_AWAY_S)

    async def _look_at(self, node: aio.Node) -> None:
        """Look at a node until it is gone.

        Raises:
            OtpyError: It is gone, or does not answer.
        """
        self._sampler, self._gateway = Sampler(), None
        boot = node.boot
        if self._node_before not in (None, boot):
            self.notify(f"node {self.node_name} runs again, pid {node.pid}", markup=False)
        self._node_before = boot
        while node.boot == boot:
            self._node = node
            self.loads = await self._sampler.sample(node, self._wanted())
            self._answered, self.trouble = time.monotonic(), ""
            self._note_gateway()
            self._show()
            await self._pause()

    _node_before: str | None = None

    def _wanted(self) -> set[str] | None:
        """Return the paths whose memory is looked at: those on the screen, unless it sorts them."""
        if self.view.sort == "memory" or not self.loads:
            return None
        return {line.load.path for line in self.table.lines_on_screen()}

    async def _pause(self) -> None:
        """Wait for the interval, or until something was done."""
        self._look_now.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._look_now.wait(), self.interval)

    def _note_gateway(self) -> None:
        gateway = next((load for load in self.loads if load.path == GATEWAY), None)
        if gateway is None or gateway.pid is None:
            return
        if self._gateway not in (None, gateway.pid):
            self.notify(f"the gateway has ended and is back, pid {gateway.pid}")
        self._gateway = gateway.pid

    # ---- showing -----------------------------------------------------------------------------

    def _say_trouble(self, text: str) -> None:
        self.trouble = text
        self._show()

    def _show(self) -> None:
        self.table.is_stale = bool(self.trouble)
        lines = lines_of(self.loads, self.view)
        self.table.show(lines, self._sampler.shares, self.view.sort)
        self._show_head()

    def _show_head(self) -> None:
        late = time.monotonic() - self._answered
        trouble = self.trouble
        if not trouble and late > self.interval + _LATE_S:
            trouble = f"node {self.node_name} has not answered for {duration(late)}"
        self.head.set_class(bool(trouble), "-trouble")
        self.head_text = one_line(trouble or self._summary())
        self.head.update(Text(self.head_text, no_wrap=True))

    def _summary(self) -> str:
        if self._node is None:
            return f"{self.node_name}: connecting"
        states: dict[str, int] = {}
        for load in self.loads:
            states[state_of(load)] = states.get(state_of(load), 0) + 1
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        total = "1 process" if len(self.loads) == 1 else f"{len(self.loads)} processes"
        parts = [
            f"{self.node_name} pid {self._node.pid}",
            total,
            f"only {self.view.pattern!r}" if self.view.pattern else "",
            f"by {self.view.sort}" if self.view.sort != "tree" else "",
            counts,
            f"cpu {sum(load.cpu or 0 for load in self.loads):.0f}%",
            f"every {self.interval:g} s",
        ]
        return "  ".join(filter(None, parts))

    # ---- what is selected --------------------------------------------------------------------

    def on_process_table_selected(self, message: ProcessTable.Selected) -> None:
        """Show the same of another process."""
        if self.pane.kind is not None:
            self.pane.show(self.pane.kind, message.path)

    def on_process_table_folded(self, message: ProcessTable.Folded) -> None:
        """Hide or show what is below a supervisor."""
        is_folded = message.path in self.view.folded
        if message.hide is None or message.hide != is_folded:
            self.view = self.view.toggled(message.path)
            self._show()

    # ---- keys --------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    def action_order(self, step: int) -> None:
        """Sort by something else."""
        self._set_view(self.view.with_next_order(step))

    def action_sort(self, order: str) -> None:
        """Sort by one of `ORDERS`."""
        self._set_view(self.view._replace(sort=order))

    def _set_view(self, view: View) -> None:
        self.view = view
        self._show()
        self._look_now.set()

    def action_interval(self, step: int) -> None:
        """Look more often, or less."""
        nearest = min(INTERVALS, key=lambda each: abs(each - self.interval))
        place = INTERVALS.index(nearest) + step
        self.interval = INTERVALS[max(0, min(place, len(INTERVALS) - 1))]
        self._look_now.set()

    def action_light(self) -> None:
        """Change between dark and light."""
        self.theme = "textual-dark" if self.theme == "textual-light" else "textual-light"

    def action_pane(self, kind: str) -> None:
        """Open the pane, show something else in it, or close it."""
        is_open = self.pane.kind == kind
        self.pane.show(None if is_open else kind, self.table.selected)
        if is_open:
            self.table.focus()

    def action_close(self) -> None:
        """Close what was opened last: the filter, or the pane."""
        if self.filter.display or self.view.pattern:
            self.filter.value = ""
            self._close_filter()
            self._set_view(self.view._replace(pattern=""))
        else:
            self.pane.show(None, None)
            self.table.focus()

    # ---- filter ------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether a key does what it is bound to; a slash may be typed into the filter."""
        if action == "filter":
            return self.focused is not self.filter and not self.screen.is_modal
        return super().check_action(action, parameters)

    def action_filter(self) -> None:
        """Ask what is to be shown."""
        self.filter.display = True
        # At once, as its key is bound with priority: what is typed ahead is for the filter.
        self.screen.set_focus(self.filter)

    def on_input_changed(self, message: Input.Changed) -> None:
        """Show what fits so far."""
        self.view = self.view._replace(pattern=message.value.strip())
        self._show()

    def on_input_submitted(self) -> None:
        """Keep the filter."""
        self._close_filter()

    def _close_filter(self) -> None:
        self.filter.display = False
        self.screen.set_focus(self.table)

    # ---- actions -----------------------------------------------------------------------------

    def action_suspend(self) -> None:
        """Suspend the selected server, or resume it."""
        load = self.table.load_of_selected()
        self.action_act("resume" if load is not None and load.suspended else "suspend")

    def action_act(self, verb: str) -> None:
        """Do something with the selected process, once it is confirmed."""
        action, load = ACTIONS[verb], self.table.load_of_selected()
        if load is not None:
            act = partial(self._act, action, load.path)
            _worker: Worker[None] = self.run_worker(act, exit_on_error=False)

    async def _act(self, action: Action, path: str) -> None:
        name = one_line(shown(path))
        try:
            action.check(path)
            if action.is_asked and not await self._confirmed(f"{action.verb} {name}?"):
                return
            done = await action.perform(self._running_node(), path)
        except (OtpyError, OSError) as error:
            self.notify(f"{name}: {problem_of(error).line}", severity="error", markup=False)
        else:
            self.notify(f"{name}: {done}", markup=False)
        self._look_now.set()

    async def _confirmed(self, question: str) -> bool:
        return await self.push_screen_wait(Question(question))

    def _running_node(self) -> aio.Node:
        if self._node is None:
            raise NodeNotFound("the node does not run")
        return self._node


def _terminal_is_light() -> bool:
    """Return whether the terminal says that its background is light, as some do."""
    return os.environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")


def run_top(node_name: str, interval: float, sort: str) -> None:
    """Run it until the user quits.

    Args:
        node_name: A node that runs.
        interval: Seconds between two looks.
        sort: One of `ORDERS`.
    """
    TopApp(node_name, interval, sort).run()
