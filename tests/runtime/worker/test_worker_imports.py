"""A worker imports its own module, and finds all else imported: those pages it shares."""

import subprocess
import sys

from tests.support.node import Nodes

SHARED = """
import sys, runpy
import otpy.runtime.node.launch
from otpy.runtime.node.warm_up import warm_up
warm_up()
print(*sys.modules)
"""


def test_a_worker_imports_its_own_module_alone(nodes: Nodes) -> None:
    # Fresh: a fork server of the tests has imported the tests' modules.
    start = "tests.support.lean_workers:Plain"
    node = nodes.run(f"children: [{{id: plain, start: '{start}'}}]", fresh=True)
    imported = set(node.call("plain", "interpreter")["modules"])
    command = [sys.executable, "-c", SHARED]
    shared = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    own = {each for each in imported if each.partition(".")[0] != "tests"} - set(shared)
    assert own == set()
    # Each has every fork write to pages of its own (`otpy.system.locks`), or map more libraries.
    assert not imported & {"threading", "multiprocessing", "subprocess", "logging", "random"}
    assert not imported & {"hashlib", "shutil"}
    # Each of these is a library, or two, and has five mappings in every worker.
    assert not imported & {"binascii", "bisect", "json", "termios", "zlib"}
    assert {"otpy.server.agent", "otpy.client.node", "otpy.tasks", "otpy.sys"} <= imported
