"""Two threads whose steps are interleaved in every way that a test asks for.

A step ends before each instruction that reads or writes what threads share: an attribute, an
element, a truth, a call. Between two such instructions nothing that another thread does can be
seen, so that no other interleavings need be tried.
"""

import dis
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from types import CodeType, FrameType, ModuleType
from typing import Any, Final, TypeAlias

Body: TypeAlias = Callable[[], None]

_SHARED: Final = ("CALL", "BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_ATTR")
_TRUTHS: Final = ("POP_JUMP", "JUMP_IF", "TO_BOOL")
_FOREVER: Final = 1 << 30
_LIMIT_S: Final = 20.0


@cache
def _steps_of(code: CodeType, attributes: frozenset[str]) -> frozenset[int]:
    return frozenset(
        each.offset
        for each in dis.get_instructions(code)
        if each.opname.startswith((*_SHARED, *_TRUTHS))
        or (each.opname.startswith("LOAD_ATTR") and each.argval in attributes)
    )


class _Thread:
    """One of the two: it runs as many steps as it is allowed."""

    def __init__(self, body: Body, files: frozenset[str], attributes: frozenset[str]) -> None:
        self._body, self._files, self._attributes = body, files, attributes
        self._granted = 0
        self._go, self._stopped = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._stopped.acquire()
        self.over = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def advance(self, steps: int) -> int:
        """Run so many steps of it; return how many it did not need."""
        if self.over:
            return steps
        self._granted = steps
        self._go.release()
        assert self._stopped.acquire(timeout=_LIMIT_S), "a thread waits for the other one"
        return self._granted

    def _run(self) -> None:
        self._go.acquire()
        sys.settrace(self._called)
        try:
            self._body()
        except BaseException as error:  # noqa: BLE001  # the test raises it
            self.error = error
        finally:
            sys.settrace(None)
        self.over = True
        self._stopped.release()

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        # Here, once for each call: to look for code in a cache is to hash all that is in it.
        steps = _steps_of(frame.f_code, self._attributes)

        def at(frame: FrameType, event: str, _argument: Any) -> Any:
            if event == "opcode" and frame.f_lasti in steps:
                if self._granted == 0:
                    self._stopped.release()
                    self._go.acquire()
                self._granted -= 1
            return at

        return at


def run(
    bodies: Sequence[Body], turns: Sequence[int], modules: Sequence[ModuleType], shared: set[str]
) -> int | None:
    """Run the threads in turns of so many steps, and then each to its end.

    Returns:
        The first turn that was longer than its thread; None if none was.
    """
    files = frozenset(str(module.__file__) for module in modules)
    threads = [_Thread(body, files, frozenset(shared)) for body in bodies]
    too_long = None
    for number, steps in enumerate(turns):
        left = threads[number % len(threads)].advance(steps)
        if left and too_long is None:
            too_long = number
    for number in range(len(turns), len(turns) + len(threads)):
        threads[number % len(threads)].advance(_FOREVER)
    for thread in threads:
        if thread.error is not None:
            raise thread.error
    return too_long


def every_run(switches: int, try_turns: Callable[[Sequence[int]], int | None]) -> int:
    """Try all turns with so many switches, with what returns as `run`; return how many."""
    turns, runs = [0] * switches, 0
    while True:
        too_long = try_turns(turns)
        runs += 1
        at = switches - 1 if too_long is None else too_long - 1
        if at < 0:
            return runs
        turns[at:] = [turns[at] + 1, *[0] * (switches - 1 - at)]
