"""A client that forks: each process has links of its own."""

import os
import subprocess
import sys
from pathlib import Path

from otpy import Node
from otpy.errors import ProcessDown
from tests.client.fake_node import WAIT_S, FakeNode

# In an interpreter of its own: the tests' own process has threads.
SCRIPT = """
import os, sys, threading
from otpy import connect

def child_does(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

node = connect("fake")
counter = node["counter"]
assert counter.call("increment", 1) == 1
events = node.events(follow=True)
assert next(events).path == "counter"
mine = counter._link
fds = [mine._reader, mine._writer, mine._pidfd, node._gateway._connection._reader]

def in_the_child():
    assert list(events) == []
    for fd in fds:
        try:
            os.fstat(fd)
        except OSError:
            continue
        raise AssertionError(f"{fd} is open")
    assert counter.call("increment", 1) == 2
    assert counter._link is not mine
    node.tree()
    node.close()

child_does(in_the_child)
assert counter._link is mine
assert counter.call("increment", 1) == 3
node.tree()
assert next(events).path == "other"

# Another thread waits on the link, and holds its read lock, while this one forks.
threading.Thread(target=lambda: counter.call("keep", timeout=30), daemon=True).start()
while counter.call("kept") < 1:
    pass
child_does(lambda: counter.call("increment", 1))
assert counter.call("get") == 4
counter.call("release")
events.close()
node.close()
"""


def test_parent_and_child_go_on_independently(fake: FakeNode) -> None:
    fake.add("counter")
    for path in ("counter", "other"):
        fake.publish({"event": "ChildRemoved", "at": 1.0 + (path == "other"), "path": path})
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        timeout=WAIT_S,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_a_request_of_before_the_fork_is_the_parents(fake: FakeNode, node: Node) -> None:
    fake.add("counter")
    kept = node["counter"].send_request("keep")
    child = os.fork()
    if child == 0:
        try:
            kept.result()
        except ProcessDown as error:
            os._exit(0 if error.reason == "noconnection" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    node["counter"].call("release")
    assert kept.result() == "late"
