"""A reload of two of five children while clients ask for pages: none of them notices (11.1)."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

from tests.support.node import Nodes

TREE = f"""
name: site
sockets: {{web: "127.0.0.1:0"}}
children:
  - {{id: db, command: [sleep, "1000"]}}
  - {{id: counter, start: "tests.support.reloading_workers:Versioned", args: [1]}}
  - id: web
    command: ["{sys.executable}", "-m", tests.support.http_program, "VERSION"]
    sockets: [web]
  - {{id: other, start: "tests.support.reloading_workers:Versioned", args: [1]}}
  - {{id: mail, command: [sleep, "1001"]}}
"""


def port_of(pid: int) -> int:
    """Return the port on which a process listens, by the first of its sockets."""
    inode = Path(f"/proc/{pid}/fd/3").readlink().name.removeprefix("socket:[").rstrip("]")
    for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[9] == inode:
            return int(fields[1].rpartition(":")[2], 16)
    raise AssertionError(f"{pid} does not listen")


def test_no_client_notices(nodes: Nodes) -> None:
    file = nodes.write(TREE.replace("VERSION", "one"))
    node = nodes.run(file)
    before = node.pids()
    port = port_of(before["web"])
    is_over = threading.Event()

    def browse() -> int:
        count = 0
        while not is_over.is_set():
            with urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                assert answer.read() in (b"one", b"two", b"three")
            node.client["counter"].call("get", timeout=60)
            count += 1
        return count

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(browse) for _ in range(4)]
        try:
            for version in ("two", "three"):
                changed = TREE.replace("args: [1]", f"args: [{len(version)}]", 1)
                nodes.write(changed.replace("VERSION", version))
                node.client.reload()
        finally:
            is_over.set()
        assert all(client.result() for client in clients), "none has failed"
    assert urlopen(f"http://127.0.0.1:{port}/").read() == b"three"
    now = node.pids()
    assert {id_ for id_, pid in before.items() if now[id_] != pid} == {"web", "counter"}
