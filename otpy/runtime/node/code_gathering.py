"""Code that lies side by side: what a worker runs, where workers are forked from.

CPython counts the references to a function's code in it, and writes how often it ran: each page
that has some of it is a page of the worker's own. As it was imported, the code of a start lies on
some seventy pages, between other code. Copied one after the other it is on thirty.
"""

import gc
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType

from otpy.system.allocator import fill_pools
from otpy.system.c_heap import fill_heap


def gather_code(run: Callable[[], object]) -> None:
    """Copy the code of the Python functions that `run` runs to the end of what is in use.

    It is copied in the order in which it ran first: what runs at the end is not among the rest.
    """
    codes = _run_by(run)
    functions: dict[int, list[FunctionType]] = {each: [] for each in codes}
    for function in gc.get_objects():
        if type(function) is FunctionType and id(function.__code__) in codes:
            functions[id(function.__code__)].append(function)
    fill_pools()
    fill_heap()
    copies: dict[int, CodeType] = {}
    for number, code in codes.items():
        for function in functions[number]:
            function.__code__ = _copy(code, codes, copies)


def _copy(code: CodeType, codes: dict[int, CodeType], copies: dict[int, CodeType]) -> CodeType:
    """Return the copy of code, and with it of what is run of the functions within."""
    if id(code) not in copies:
        constants = [
            _copy(each, codes, copies) if id(each) in codes else each for each in code.co_consts
        ]
        copies[id(code)] = code.replace(co_consts=tuple(constants))
    return copies[id(code)]


def _run_by(run: Callable[[], object]) -> dict[int, CodeType]:
    """Return what code is called as `run` runs, by its identity: to compare it takes long."""
    codes: dict[int, CodeType] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            codes[id(frame.f_code)] = frame.f_code

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return codes
