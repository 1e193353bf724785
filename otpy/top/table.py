"""The table of processes: of a thousand lines it draws those that are on the screen."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from otpy.cli.statistics_view import Load
from otpy.top.columns import Column, shown_columns
from otpy.top.lines import Line, state_of
from otpy.wire.safe_text import one_line

_STYLES: Final = {
    "running": "ok",
    "waiting": "soon",
    "starting": "soon",
    "restarting": "soon",
    "stopping": "soon",
    "backoff": "soon",
    "suspended": "soon",
    "failed": "bad",
    "stopped": "bad",
}


class ProcessTable(ScrollView, can_focus=True):
    """A line a process, below the titles; one of them is selected.

    Attributes:
        selected: The path of the selected process; None if there is none.
        is_stale: The node does not answer: what is shown was so.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("space", "fold", "fold", show=False),
        Binding("left,h", "fold(True)", show=False),
        Binding("right", "fold(False)", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--title",
        "table--cursor",
        "table--ok",
        "table--soon",
        "table--bad",
        "table--stale",
    }

    DEFAULT_CSS = """
    ProcessTable {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        background: $background;
        color: $foreground;
        & .table--title { text-style: bold; background: $panel; color: $foreground; }
        & .table--cursor { text-style: reverse; }
        & .table--ok { color: $success; }
        & .table--soon { color: $warning; }
        & .table--bad { color: $error; text-style: bold; }
        & .table--stale { text-style: dim; }
        &:light .table--ok { color: $success-darken-3; }
        &:light .table--soon { color: $warning-darken-3; }
    }
    """

    selected: reactive[str | None] = reactive[str | None](None, init=False)
    is_stale: reactive[bool] = reactive(False)

    class Selected(Message):
        """Another process is selected, or none."""

        def __init__(self, path: str | None) -> None:
            super().__init__()
            self.path = path

    class Folded(Message):
        """The children of a supervisor are to be hidden, or shown; None for the other of both."""

        def __init__(self, path: str, *, hide: bool | None) -> None:
            super().__init__()
            self.path, self.hide = path, hide

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._shares: Mapping[str, float] = {}
        self._order = "tree"
        self._place = 0
        self._columns: tuple[list[Column], int] = ([], 1)
        self._drawn_width = 0

    # ---- what is shown -----------------------------------------------------------------------

    def show(self, lines: list[Line], shares: Mapping[str, float], order: str) -> None:
        """Show other lines; the same process stays selected if it is among them.

        Args:
            lines: All that there are.
            shares: Of the workers, at how many of the looks they were busy.
            order: The lines' order, for the titles.
        """
        self._lines, self._shares, self._order = lines, shares, order
        paths = [line.load.path for line in lines]
        if self.selected in paths:
            self._place = paths.index(self.selected)
        else:
            self._place = max(0, min(self._place, len(paths) - 1))
            self.selected = paths[self._place] if paths else None
        self._fit()

    def load_of_selected(self) -> Load | None:
        """Return what the selected process does."""
        if self._place >= len(self._lines):
            return None
        return self._lines[self._place].load

    def lines_on_screen(self) -> Sequence[Line]:
        """Return the lines that can be seen now."""
        top = round(self.scroll_offset.y)
        return self._lines[top : top + self._room]

    @property
    def _room(self) -> int:
        """How many lines fit below the titles."""
        return max(1, self.size.height - 1)

    def watch_selected(self, path: str | None) -> None:
        """Say which process is selected."""
        self.post_message(self.Selected(path))

    # ---- drawing -----------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Leave out the columns that there is no room for."""
        self._fit()
        self._scroll_to_selected()

    def _fit(self) -> None:
        self.virtual_size = Size(1, len(self._lines) + 1)
        self.refresh()

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def render_line(self, y: int) -> Strip:
        """Draw a line of the screen."""
        width = self._width
        if width != self._drawn_width:
            self._drawn_width, self._columns = width, shown_columns(width)
        place = round(self.scroll_offset.y) + y - 1
        base = self.rich_style
        if y == 0:
            return self._titles(width)
        if place >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[place]
        style = base + self._part("cursor") if place == self._place else base
        style = style + self._part("stale") if self.is_stale else style
        cells = Strip(self._cells(line, style)).simplify()
        return cells.adjust_cell_length(width, style)

    def _titles(self, width: int) -> Strip:
        columns, name = self._columns
        texts = ["NAME".ljust(name)[:name]]
        for each in columns:
            is_order = each.order and each.order == self._order
            title = f"{each.title}*" if is_order else each.title
            texts.append(f" {each.cell(title[-each.width :])}")
        style = self._part("title")
        return Strip([Segment("".join(texts), style)]).adjust_cell_length(width, style)

    def _cells(self, line: Line, style: Style) -> list[Segment]:
        columns, width = self._columns
        found = Strip([Segment(one_line(line.name), style)]).adjust_cell_length(width, style)
        segments = list(found)
        share = self._shares.get(line.load.path)
        for each in columns:
            text = f" {each.cell(each.text(line.load, share))}"
            is_state = each.title == "STATE"
            known = _STYLES.get(state_of(line.load)) if is_state and not self.is_stale else None
            segments.append(Segment(text, style + self._part(known) if known else style))
        return segments

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"table--{name}", partial=True)

    # ---- moving ------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Select another line."""
        if self._lines:
            self._place = max(0, min(self._place + step, len(self._lines) - 1))
            self.selected = self._lines[self._place].load.path
            self._scroll_to_selected()
            self.refresh()

    def action_page(self, step: int) -> None:
        """Select a line a page further."""
        self.action_move(step * self._room)

    def action_fold(self, hide: bool | None = None) -> None:
        """Hide what is below the selected supervisor, or show it."""
        load = self.load_of_selected()
        if load is not None:
            self.post_message(self.Folded(load.path, hide=hide))

    def on_click(self, event: events.Click) -> None:
        """Select the line under the mouse."""
        place = round(self.scroll_offset.y) + event.y - 1
        if event.y > 0 and place < len(self._lines):
            self.action_move(place - self._place)

    def _scroll_to_selected(self) -> None:
        top = round(self.scroll_offset.y)
        if self._place < top:
            self.scroll_to(y=self._place, animate=False, force=True)
        elif self._place >= top + self._room:
            self.scroll_to(y=self._place - self._room + 1, animate=False, force=True)
