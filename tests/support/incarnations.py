"""What the next incarnation of a supervisor in a test has to know of the children's numbers."""

from otpy.core.numbers import Numbers
from otpy.core.state import SupervisorState


def numbers_after(state: SupervisorState) -> Numbers:
    """Return the incarnation numbers for the next incarnation of this supervisor."""
    started = {id_: one.incarnation for id_, one in state.children.items() if one.incarnation}
    return state.numbers.with_gone(started)
