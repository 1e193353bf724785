"""Whether one incarnation of a child is ready: it says so, or a probe of it holds."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from otpy.core.log import LogTo
from otpy.core.probes import LogProbe, NewlineAt, Notified, Probe
from otpy.core.probes import Readiness as Wanted
from otpy.core.spec import ChildSpec, kind_of
from otpy.runtime.supervisor.helpers import Helpers
from otpy.runtime.supervisor.notify_socket import Notification, NotifySocket
from otpy.runtime.supervisor.output import ChildOutput
from otpy.runtime.supervisor.prober import Prober
from otpy.system.bounded_search import TooLong, found_in
from otpy.system.descriptor import Descriptor, pipe
from otpy.system.loop import Loop
from otpy.system.warnings import warn
from otpy.wire.safe_text import one_line

_READ_BYTES: Final = 4096
_SHOWN: Final = 200


def missing_at_first(spec: ChildSpec) -> str:
    """Return what a child waits for at first, in words."""
    match kind_of(spec):
        case "supervisor":
            return "its children to start"
        case "command":
            return "its program to be executed"
        case _:
            return "its init to return"


class Signs:
    """What a child that says itself that it is ready is given before it starts.

    Args:
        loop: The supervisor's.
        wanted: What makes it ready.
        notifies: Whether it says something by sd_notify in any case.

    Attributes:
        notify: The socket of sd_notify, if it is to have one.
        newline: The end at which the newline of a program comes out, if it is to write one.
        fd: The number that the other end has in the program.

    Raises:
        OSError: There are too many open files, or there is no memory.
    """

    def __init__(self, loop: Loop, wanted: Wanted | None, *, notifies: bool = False) -> None:
        self.notify: NotifySocket | None = None
        self.newline: Descriptor | None = None
        self._given: Descriptor | None = None
        self.fd: int | None = None
        if notifies or isinstance(wanted, Notified):
            self.notify = NotifySocket(loop)
        if isinstance(wanted, NewlineAt):
            self.newline, self._given = pipe()
            os.set_blocking(self.newline.fileno(), False)
            self.fd = wanted.fd

    @property
    def address(self) -> str:
        """The value of NOTIFY_SOCKET; empty for none."""
        return "" if self.notify is None else self.notify.address

    def take_given(self) -> Descriptor | None:
        """Return what the program is given, to be handed over to it; None if that is nothing."""
        given, self._given = self._given, None
        return given

    def drain(self) -> None:
        """Handle what has been said: the child has ended."""
        if self.notify is not None:
            self.notify.read()

    def close(self) -> None:
        """Release everything."""
        for each in (self.notify, self.newline, self._given):
            if each is not None:
                each.close()


class Readiness:
    """Waits until a child is ready, and calls back once.

    What it says counts from its start on, also if it comes before its init has returned; it is
    probed from then on.

    Args:
        loop: The supervisor's.
        helpers: The supervisor's.
        spec: Of the child.
        path: Of the child.
        output: Its output.
        signs: What it was given.
        on_ready: Called once: its init has returned, and what makes it ready holds.

    Raises:
        OSError: The kernel cannot watch one more descriptor.
    """

    def __init__(
        self,
        loop: Loop,
        helpers: Helpers,
        spec: ChildSpec,
        path: str,
        output: ChildOutput,
        *,
        signs: Signs,
        on_ready: Callable[[], None],
    ) -> None:
        assert spec.ready is not None
        self._loop, self._helpers = loop, helpers
        self._path, self._given, self._output = path, spec.surroundings, output
        self._on_ready: Callable[[], None] | None = on_ready
        self._wanted: Wanted = spec.ready
        self._to_begin = missing_at_first(spec)
        self._has_begun = self._holds = False
        self._prober: Prober | None = None
        self._why = self._status = ""
        match self._wanted:
            case LogProbe(pattern=pattern):
                self._pattern = re.compile(pattern)
                if spec.log is LogTo.INHERIT:
                    self._why = "but its output is not read, as log: inherit has it"
                output.on_lines = self._look_at
            case NewlineAt():
                assert signs.newline is not None
                self._newline = signs.newline
                loop.watch(signs.newline, self._read_newline)
            case _:
                pass

    @property
    def waits_for(self) -> str:
        """What is missing, in words."""
        if not self._has_begun:
            return self._to_begin
        match self._wanted:
            case Notified():
                says = f"; it says: {self._status}" if self._status else ""
                return f"READY=1, or otpy.ready(){says}"
            case NewlineAt(fd=fd):
                return f"a newline at descriptor {fd}"
            case LogProbe(pattern=pattern):
                return ", ".join(filter(None, (f"a line that matches {pattern!r}", self._why)))
            case Probe(question=question):
                return self._why or str(question)

    def begin(self) -> None:
        """Ask from now on: its init has returned, or its program is executed."""
        self._has_begun = True
        if isinstance(self._wanted, Probe):
            self._prober = Prober(self._loop, self._helpers, self._wanted, self._asked, self._given)
        self._check()

    def notified(self, notification: Notification) -> None:
        """Handle what it says by sd_notify."""
        if notification.status is not None:
            self._status = one_line(notification.status)[:_SHOWN]
        if notification.ready:
            self.announced()

    def announced(self) -> None:
        """It says that it is ready."""
        if isinstance(self._wanted, Notified):
            self._hold()

    def close(self) -> None:
        """Wait no more."""
        self._on_ready = None
        self._output.on_lines = None
        if self._prober is not None:
            self._prober.close()

    def _asked(self, why: str) -> None:
        self._why = why
        if not why:
            self._hold()

    def _look_at(self, lines: Sequence[bytes]) -> None:
        try:
            if found_in(self._pattern, [line.decode(errors="replace") for line in lines]):
                self._hold()
        except TooLong:
            self._output.on_lines = None
            self._why = "which takes too long to find"
            warn(f"{self._path}: it takes too long to find {self._pattern.pattern!r} in its output")

    def _read_newline(self, _events: int) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._newline.fileno(), _READ_BYTES)
            if b"\n" in data:
                self._hold()
            elif not data:
                self._loop.unwatch(self._newline)  # it has closed it, and will say nothing

    def _hold(self) -> None:
        self._holds = True
        self._check()

    def _check(self) -> None:
        if self._has_begun and self._holds and (on_ready := self._on_ready) is not None:
            self.close()
            on_ready()
