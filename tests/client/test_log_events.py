# Generated from tests/aio/test_log_events.py by scripts/generate_blocking.py; do not edit.

"""Events as records of `logging` (10.9)."""

import logging
from collections.abc import Callable

from otpy import Node, log_events
from tests.client.fake_node import FakeNode
from tests.client.in_threads import Background


class Records(logging.Handler):
    """Keeps the records, and calls back at the last one."""

    def __init__(self, last: Callable[[], object]) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._last = last

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        if "otpy_node" in vars(record):
            self._last()


def test_events_are_logged_until_the_node_ends(fake: FakeNode, node: Node) -> None:
    about = {"path": "a", "kind": "worker", "pid": 7, "incarnation": 2}
    how = {"reason": "error: 100%s", "message": "m", "asked": False, "clean": False}
    fake.publish({"event": "ChildStarting", "at": 0.5, **about})
    fake.publish({"event": "ChildEnded", "at": 1.25, **about, **how})
    fake.publish({"event": "NodeStopped", "at": 2.0, "path": "", "node": "x", "reason": "in order"})
    logger = logging.getLogger("test_log_events")
    logger.setLevel(logging.INFO)
    records = Records(fake.kill_gateway)
    logger.addHandler(records)
    waiting = Background(lambda: log_events(node, logger, past=True))
    waiting.result()
    ended, stopped = records.records
    assert (ended.getMessage(), ended.levelname) == ("a: ended: error: 100%s", "WARNING")
    assert (ended.created, ended.msecs, ended.name) == (1.25, 250.0, "test_log_events")
    fields = vars(ended)
    assert fields["otpy_event"] == "ChildEnded"
    assert (fields["otpy_path"], fields["otpy_pid"], fields["otpy_message"]) == ("a", 7, "m")
    logger.removeHandler(records)
    assert stopped.levelname == "INFO"
    fake.start_gateway()
