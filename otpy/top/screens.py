"""What comes over the table: a question, and the help."""

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

HELP: Final = """\
Move      up down, j k, page up, page down, home end, g G; the mouse
Fold      space; left and right, in the order of the tree
Order     o the next, O the one before; P processor, M memory, T the tree
Filter    / then a part of a name or a state; Enter keeps it, Esc drops it
Interval  + looks more often, - less often
Panes     l logs (live), v state of the server, t stack, w why it ended
          the same key or Esc closes it; Tab goes there and back, to scroll
Actions   x stop, a start, r restart, K kill: each asks first
          z suspend the server, or resume it
Others    d dark or light, ? this help, q quit

CPU%      of one processor: the process and all that it has started, except
          the children of a supervisor, which have lines of their own
MEMORY    of those together; what several share counts by its share (PSS)
BUSY      at how many of the last ten looks it had a message in hand,
          or for how long it has been at work on the one that it has
QUEUE     messages that it has read and not yet taken
"""


class Question(ModalScreen[bool]):
    """Asks for a yes or a no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]
    DEFAULT_CSS = """
    Question { align: center middle; }
    Question > Vertical {
        width: auto; max-width: 90%; height: auto; padding: 1 2;
        border: round $warning; background: $surface;
    }
    Question Static { width: auto; }
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical():
            yield Static(Text(f"{self.text}  y/n"))

    def action_answer(self, answer: bool) -> None:
        """Close it with the answer."""
        self.dismiss(answer)


class Help(ModalScreen[None]):
    """Shows the keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "close", "close"),
    ]
    DEFAULT_CSS = """
    Help { align: center middle; }
    Help > VerticalScroll {
        width: 82; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
        border: round $primary; background: $surface;
    }
    """

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with VerticalScroll():
            yield Static(Text(HELP))

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)
