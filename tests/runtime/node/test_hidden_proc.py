"""A node where /proc shows nothing of other users' processes (0.3): hidepid, ProtectProc=."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environment import ROOT

TREE = """
name: hidden
children:
  - {id: worker, start: "otpy.examples.counter:Counter"}
  - {id: program, command: [sh, -c, "(setsid sleep 1000 &); exec sleep 1000"]}
  - id: nested
    children: [{id: below, start: "otpy.examples.counter:Counter"}]
"""

# Runs in PID and mount namespaces of its own; init there is another user's, as far as ptrace goes.
INSIDE = """
import os, re, signal, subprocess, sys

try:
    open("/proc/1/stat").read()
except OSError:
    print("hidden", flush=True)
with subprocess.Popen(
    [sys.executable, "-m", "otpy", "run", sys.argv[1]], stdout=subprocess.PIPE, text=True
) as node:
    def wait_for(pattern):
        for line in node.stdout:
            if found := re.search(pattern, line):
                return int(found[1] or 0)
        sys.exit(f"it ended before {pattern}")
    pids = [wait_for(f"{name}: started, pid (\\\\d+)") for name in ("worker", "program", "nested")]
    wait_for("is up()")
    for name, pid in zip(("worker", "program", "nested"), pids):
        os.kill(pid, signal.SIGKILL)
        wait_for(f"{name}: started again.* pid (\\\\d+)")
    node.send_signal(signal.SIGTERM)
    wait_for("has stopped: in order()")
print("in order", flush=True)
"""


@pytest.mark.parametrize("hidden", ["hidepid=1", "hidepid=2"])
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount /proc")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_it_runs_and_recovers(tmp_path: Path, hidden: str) -> None:
    tree, inside = tmp_path / "tree.yaml", tmp_path / "inside.py"
    tree.write_text(TREE)
    inside.write_text(INSIDE)
    few = ["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    result = subprocess.run(
        [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"),
            f'mount -t proc -o {hidden},gid=65534 proc /proc && "$@"; exit $?',
            *("sh", "setpriv", *few, "--", sys.executable, str(inside), str(tree)),
        ],
        check=False,
        env={**os.environ, "OTPY_DIR": str(tmp_path / "run"), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "hidden" not in result.stdout:
        pytest.skip(f"/proc cannot be mounted like this here: {result.stderr}")
    assert (result.returncode, result.stdout) == (0, "hidden\nin order\n"), result.stderr
