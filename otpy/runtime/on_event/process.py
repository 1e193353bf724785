"""The process ``@on_event``: what a handler does, and how long that takes, concerns no other.

It receives every event from the node, and never makes that wait: each handler has a thread and a
queue of its own. What goes wrong is an event itself, which no handler is handed: so there is no
loop.
"""

import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import msgspec

from otpy.core.event_handler import EventHandler
from otpy.events import Event, NodeStopping, event_to_data
from otpy.runtime.bootstrap import Bootstrap
from otpy.runtime.control_channel import GATEWAY as OWN_RECORDS
from otpy.runtime.control_channel import end_of_child
from otpy.runtime.on_event.program import run_program
from otpy.runtime.on_event.queue import HandlerQueue
from otpy.system.descriptor import Descriptor, pipe
from otpy.system.loop import Loop
from otpy.system.message_socket import NotSent
from otpy.system.signals import HANDLED
from otpy.system.spawn import become_child, become_worker
from otpy.system.warnings import warn_of_failure
from otpy.wire.control import HandlerFailed, Publish, Ready, ShutDown
from otpy.wire.paths import ON_EVENT

_AT_THE_END_S: Final = 2.0
"""For what waits when the node stops."""


class OnEventProcess:
    """Hands events to the handlers until the node ends it.

    Args:
        bootstrap: The values inherited at the fork; its supervisor is the node.
        node: The node's name.
        handlers: What is done about events.
        missed: The events since an earlier one of these processes ended.
    """

    def __init__(
        self,
        bootstrap: Bootstrap,
        node: str,
        handlers: Iterable[EventHandler],
        missed: Iterable[Event],
    ) -> None:
        self._loop = Loop()
        self._loop.survive = warn_of_failure
        self._node = end_of_child(bootstrap.control, OWN_RECORDS)
        self._node_name = node
        self._failures: deque[HandlerFailed] = deque()
        self._said, self._saying = pipe(blocking=False)
        self._stopping = False
        self._queues = [self._queue(handler) for handler in handlers]
        self._happened(missed)

    def run(self) -> int:
        """Serve; return the exit status."""
        self._node.attach(self._loop, self._on_message, self._loop.stop)
        self._loop.watch(self._said, lambda _events: self._report_all())
        self._node.send(Ready())
        self._loop.run()
        return 0

    def _queue(self, handler: EventHandler) -> HandlerQueue:
        report = partial(self._failed, handler)
        return HandlerQueue(handler, self._handling(handler), report, self._wake)

    def _handling(self, handler: EventHandler) -> Callable[[Event], str]:
        if handler.server:
            from otpy.runtime.on_event.caster import Caster  # noqa: PLC0415 - the client's side

            return Caster(self._node_name, handler.server, handler.timeout)
        return partial(_run_for, handler)

    # ---- what the node says ------------------------------------------------------------------

    def _on_message(self, message: object, _fds: tuple[Descriptor, ...]) -> None:
        match message:
            case Publish(events=events):
                self._happened(events)
            case ShutDown():
                for queue in self._queues:
                    queue.close()
                self._loop.call_later(_AT_THE_END_S, self._give_up)
            case _:
                raise AssertionError(message)

    def _happened(self, events: Iterable[Event]) -> None:
        for event in events:
            self._stopping = self._stopping or isinstance(event, NodeStopping)
            if event.path != ON_EVENT:
                for queue in self._queues:
                    queue.put(event)

    def _give_up(self) -> None:
        """End although events wait: the node is not to be held up for long."""
        for queue in self._queues:
            handler = queue.handler
            if (waiting := queue.waiting) and not handler.server:  # that was stopped before
                failed = HandlerFailed(str(handler), "the node has stopped", waiting)
                self._failures.append(failed)
        self._send_failures()
        self._loop.stop()

    # ---- what the threads say ----------------------------------------------------------------

    def _failed(self, handler: EventHandler, reason: str, lost: int) -> None:
        """Have the node publish that a handler fails; called by its thread."""
        if self._stopping and handler.server:
            return  # the server has been stopped before
        self._failures.append(HandlerFailed(str(handler), reason, lost))
        self._wake()

    def _wake(self) -> None:
        os.write(self._saying.fileno(), b"x")

    def _report_all(self) -> None:
        os.read(self._said.fileno(), 1 << 10)
        self._send_failures()
        if all(queue.has_ended for queue in self._queues):
            self._loop.stop()

    def _send_failures(self) -> None:
        with contextlib.suppress(NotSent):  # it has ended, or hears of the next
            while self._failures:
                self._node.send(self._failures.popleft())


def _run_for(handler: EventHandler, event: Event) -> str:
    data = msgspec.json.encode(event_to_data(event)) + b"\n"
    return run_program(handler.program, data, handler.timeout)


def run_on_event(
    bootstrap: Bootstrap, node: str, handlers: Iterable[EventHandler], missed: Iterable[Event]
) -> int:
    """Run the process, in the process just forked; return its exit status."""
    keep = (bootstrap.control.fileno(), *bootstrap.inherited_fds)
    become_child("otpy: on_event", keep)
    signal.set_wakeup_fd(-1)
    for number in HANDLED:
        # Not ignored: the programs would inherit that.
        signal.signal(number, lambda _number, _frame: None)
    become_worker(bootstrap.parent)
    return OnEventProcess(bootstrap, node, handlers, missed).run()
