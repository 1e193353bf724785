"""What a process starts in, seen from inside: servers, functions and programs alike."""

import ast
import asyncio
import grp
import os
import pwd
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import otpy
from otpy.events import ChildEnded, ChildStarted
from otpy.runtime.supervisor.prefork import MANY
from otpy.system.marks import VARIABLE, marked_process, marks_of
from tests.support.node import Nodes, NodeUnderTest
from tests.support.processes import await_end

SEEN = """
import ctypes, os, resource, sys  # all of them imported by otpy: nobody may not read more

def seen():
    death = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(death))
    umask = os.umask(0)
    os.umask(umask)
    return {
        "env": {k: v for k, v in os.environ.items() if k != "OTPY_MARK"},
        "cwd": os.getcwd(),
        "ids": [list(os.getresuid()), list(os.getresgid()), sorted(os.getgroups())],
        "umask": umask, "nice": os.nice(0), "cpus": sorted(os.sched_getaffinity(0)),
        "nofile": list(resource.getrlimit(resource.RLIMIT_NOFILE)),
        "core": list(resource.getrlimit(resource.RLIMIT_CORE)),
        "stdin": sys.stdin.read(), "dies": death.value,
        "self": os.access("/proc/self/fd", os.R_OK),
        "output": [opens("/dev/stdout"), opens("/dev/stderr")],
    }

def opens(path):
    try:
        os.close(os.open(path, os.O_WRONLY))
    except OSError:
        return False
    return True

def show():
    print("SEEN", seen(), flush=True)

def function():
    show()
    import time
    time.sleep(100000)

if __name__ == "__main__":
    show()
    os.execvp("sleep", ["sleep", "100000"])
"""

SERVER = """
import otpy
from seen import seen

class Server(otpy.GenServer):
    def init(self):
        self.seen = seen()
    @otpy.call
    def tell(self):
        return self.seen
    def terminate(self, reason):
        print("terminated", reason, flush=True)

    @otpy.call
    def tell_by_task(self):
        return otpy.tasks.await_(otpy.tasks.async_(seen))

class Trapping(Server):
    trap_exit = True
"""

ASYNC = """
import otpy, otpy.aio
from seen import seen
from served import Server

class Async(Server):
    async def init(self):
        self.seen = seen()
    @otpy.call
    async def tell_by_task(self):
        task = await otpy.aio.tasks.async_(seen)
        return await otpy.aio.tasks.await_(task)
"""


def folder_of(nodes: Nodes) -> None:
    nodes.work.chmod(0o755)  # another user starts there
    (nodes.work / "inner").mkdir()
    nodes.write(SEEN, "inner/seen.py")
    nodes.write(SERVER, "inner/served.py")
    nodes.write(ASYNC, "inner/unblocking.py")


def told(node: NodeUnderTest, path: str) -> dict[str, Any]:
    """Return what a function or a program has seen."""
    seen: dict[str, Any] = ast.literal_eval(node.says(rf"^{path} +. SEEN (.*)$")[1])
    return seen


def test_every_kind_of_child_starts_in_them(nodes: Nodes) -> None:
    folder_of(nodes)
    nodes.write("hello", "in.txt")
    nodes.write("FILE='from a file'\nA=file\nC=file\nexport D=\"${FILE}, too\"\n", "vars.env")
    cpu = min(os.sched_getaffinity(0))
    nice = os.getpriority(os.PRIO_PROCESS, 0) + 1
    node = nodes.run(f"""
        name: surround
        env: {{A: top, B: top, HOME: null}}
        env_file: [vars.env, missing.env?]
        cwd: inner
        umask: "027"
        nice: {nice}
        cpu_affinity: [{cpu}]
        limits: {{nofile: {{soft: 300, hard: 400}}, core: 0}}
        children:
          - {{id: server, start: "served:Server", env: {{B: own}}, stdin: in.txt}}
          - {{id: function, start: "seen:function", env: {{B: own}}, stdin: in.txt}}
          - {{id: program, command: ["{sys.executable}", seen.py], env: {{B: own}}, stdin: in.txt}}
          - {{id: pool, start: "served:Server", instances: 2, env: {{B: own}}, stdin: in.txt}}
          - {{id: async, start: "unblocking:Async", env: {{B: own}}, stdin: in.txt}}
          - {{id: tasks, strategy: dynamic, env: {{B: own}}}}
          - {{id: bare, start: "served:Server", inherit_env: [PATH], env_file: []}}
          - id: below
            env: {{A: below}}
            cwd: .
            children:
              - {{id: server, start: "served:Server", cwd: inner}}
          - id: jobs
            strategy: dynamic
            env: {{A: jobs}}
            template: {{start: "served:Server", env: {{C: null}}}}
        """)
    server = node.call("server", "tell")
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", VARIABLE)}
    own = {"A": "top", "B": "own", "C": "file", "FILE": "from a file", "D": "from a file, too"}
    assert server["env"].items() >= own.items()
    assert server["env"].keys() - environment.keys() == own.keys() - environment.keys()
    assert "HOME" not in server["env"]
    assert server["cwd"] == str(nodes.work / "inner")
    assert (server["umask"], server["nice"], server["cpus"]) == (0o27, nice, [cpu])
    assert (server["nofile"], server["core"], server["stdin"]) == ([300, 400], [0, 0], "hello")
    assert server["dies"] == signal.SIGKILL
    assert node.call("pool/1", "tell") == node.call("async", "tell") == server
    # A task starts in what its supervisor has, not in what its owner has.
    for owner in ("server", "async", "bare"):
        assert node.call(owner, "tell_by_task") == server | {"stdin": ""}
    assert told(node, "function") == server
    program = told(node, "program")
    assert program | {"env": 0} == server | {"env": 0}
    assert {**program["env"], "LC_CTYPE": 0} == {**server["env"], "LC_CTYPE": 0}

    bare = node.call("bare", "tell")
    assert bare["env"] == {"A": "top", "B": "top", "PATH": os.environ["PATH"]}
    assert bare["stdin"] == ""
    assert marked_process(marks_of(node.pids()["bare"])[0]) == (node.pids()["bare"], 1)
    below = node.call("below/server", "tell")["env"]
    assert (below["A"], below["B"]) == ("below", "top")

    added_children_inherit(node, server, nice)
    files_are_read_at_every_start(node)


def added_children_inherit(node: NodeUnderTest, server: dict[str, Any], nice: int) -> None:
    """What `start_child` adds to a running supervisor inherits from it."""
    jobs, lower = node.client.supervisor("jobs"), node.client.supervisor("below")
    jobs.start_child(args=[], id="job")
    job = node.call("jobs/job", "tell")
    assert (job["env"]["A"], job["cwd"], "C" in job["env"]) == ("jobs", server["cwd"], False)
    added = {"id": "new", "start": "served:Server", "cwd": "inner", "env": {"B": "new"}}
    lower.start_child(added)
    new = node.call("below/new", "tell")
    assert (new["env"]["A"], new["env"]["B"], new["cwd"]) == ("below", "new", server["cwd"])
    (more,) = lower.start_children(
        [{"id": "sup", "children": [{**added, "id": "x", "env": {"A": "x"}}]}]
    )
    assert isinstance(more, otpy.ChildInfo)
    assert node.call("below/sup/x", "tell")["env"]["B"] == "top"
    spec = lower.get_childspec("new")
    assert (spec["cwd"], spec["nice"], spec["umask"]) == (server["cwd"], nice, "027")
    assert spec["env"] == {"A": "below", "B": "new", "HOME": None}
    assert spec["limits"] == {"nofile": {"soft": 300, "hard": 400}, "core": {"soft": 0, "hard": 0}}
    assert spec["env_file"] == [f"{node.work}/vars.env", f"{node.work}/missing.env?"]


def files_are_read_at_every_start(node: NodeUnderTest) -> None:
    """The files are read by each incarnation anew."""
    (node.work / "vars.env").write_text("C=changed\n")
    (node.work / "missing.env").write_text("E=there\n")
    node.kill("server", signal.SIGKILL)
    node.next(ChildStarted, path="server", incarnation=2)
    again = node.call("server", "tell")["env"]
    assert (again["C"], again["E"], "D" in again) == ("changed", "there", False)
    (node.work / "vars.env").unlink()
    root = node.client.supervisor()
    root.terminate_child("server")
    with pytest.raises(otpy.StartFailed, match=r"env_file: there is no file '/.*/vars.env'"):
        root.restart_child("server")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("cwd: nowhere", "cwd: '/.*/nowhere': No such file or directory"),
        ("stdin: nowhere", "stdin: '/.*/nowhere': No such file or directory"),
        ("user: nobody-at-all", "user: there is no user 'nobody-at-all'"),
        ("cpu_affinity: 8191", "cpu_affinity: Invalid argument"),
    ],
)
def test_what_cannot_be_had_fails_the_start(nodes: Nodes, key: str, text: str) -> None:
    node = nodes.start(f"children: [{{id: a, start: 'm:f', {key}}}]")
    assert node.wait() == 1
    node.complains(f"could not start: .*{text}$")


NOBODY = "nobody"
ALL_READ = all(
    each.stat().st_mode & 1
    for each in (Path(asyncio.__file__), *Path(asyncio.__file__).parents)
    if each.is_dir()
)
ABOUT = "echo SEEN $(id -u) $(id -g) $HOME > /dev/stdout"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user(nodes: Nodes) -> None:
    folder_of(nodes)
    node = nodes.run(f"""
        name: users
        children:
          - id: sup
            user: {NOBODY}
            cwd: inner
            children:
              - {{id: server, start: "served:Trapping"}}
              - {{id: function, start: "seen:function"}}
              - {{id: program, command: [sh, -c, "{ABOUT}; exec sleep 100000"]}}
          - {{id: numbers, start: "served:Server", user: 12345, group: 54321, cwd: inner}}
          - {{id: group, start: "served:Server", group: daemon, env: {{HOME: /kept}}, cwd: inner}}
        """)
    account = pwd.getpwnam(NOBODY)
    groups = sorted(os.getgrouplist(NOBODY, account.pw_gid))
    ids = [[account.pw_uid] * 3, [account.pw_gid] * 3, groups]
    server = node.call("sup/server", "tell")
    said = node.says(r"^sup/program +. SEEN (\d+) (\d+) (.*)$")
    assert said.groups() == (str(account.pw_uid), str(account.pw_gid), account.pw_dir)
    for seen in (server, told(node, "sup/function")):
        assert seen["ids"] == ids
        assert seen["dies"] == signal.SIGKILL
        assert (seen["self"], seen["output"]) == (True, [True, True])
        logged_in = {"HOME": account.pw_dir, "USER": NOBODY, "LOGNAME": NOBODY}
        assert seen["env"].items() >= logged_in.items()
    numbers = node.call("numbers", "tell")
    assert numbers["ids"] == [[12345] * 3, [54321] * 3, [54321]]
    assert numbers["env"].keys() & {"HOME", "USER", "LOGNAME"} == {"HOME"}
    group = node.call("group", "tell")
    daemon = grp.getgrnam("daemon").gr_gid
    assert group["ids"][:2] == [[0] * 3, [daemon] * 3]
    assert group["env"]["HOME"] == "/kept"

    if not ALL_READ:
        for path in ("sup/server", "sup/function"):
            node.says(
                rf"^{path} +. otpy: user 'nobody' may not read /.*: it finds no more of Python's"
            )

    # Its supervisor and its clients do with it as with any other.
    pid = node.pids()["sup/server"]
    assert marked_process(marks_of(pid)[0]) == (pid, 1)
    assert " in serve" in node.client["sup/server"].stack()
    supervisor = node.client.supervisor("sup")
    supervisor.terminate_child("server")
    node.says("^sup/server +. terminated shutdown")
    supervisor.restart_child("server")
    pids = {path: node.pids()[path] for path in ("sup/server", "sup/function", "sup/program")}
    node.kill("sup", signal.SIGKILL)
    for each in pids.values():
        await_end(each)
    node.next(ChildStarted, path="sup", incarnation=2)
    node.client.signal("numbers", signal.SIGTERM)
    assert node.next(ChildEnded, path="numbers").reason == "shutdown"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user_for_what_the_fork_server_forks(nodes: Nodes) -> None:
    """10.1: it forks from 64 workers on, and those that it restarts, and tasks."""
    folder_of(nodes)
    node = nodes.run(f"""
        name: many
        children:
          - id: jobs
            strategy: dynamic
            user: {NOBODY}
            cwd: inner
            umask: "027"
            env: {{A: job}}
            limits: {{core: 0}}
            max_restarts: infinity
          - {{id: tasks, strategy: dynamic, user: {NOBODY}, cwd: inner}}
        """)
    jobs = node.client.supervisor("jobs")
    added = [{"id": f"j{number}", "start": "served:Server"} for number in range(MANY + 6)]
    assert all(isinstance(each, otpy.ChildInfo) for each in jobs.start_children(added))
    account = pwd.getpwnam(NOBODY)
    ids = [
        [account.pw_uid] * 3,
        [account.pw_gid] * 3,
        sorted(os.getgrouplist(NOBODY, account.pw_gid)),
    ]
    first = node.call("jobs/j0", "tell")
    assert (first["ids"], first["cwd"]) == (ids, str(nodes.work / "inner"))
    assert (first["umask"], first["core"], first["env"]["A"]) == (0o27, [0, 0], "job")
    for number in (1, MANY // 2, MANY + 5):
        assert node.call(f"jobs/j{number}", "tell") == first
    assert "otpy: fork server" in names_below(node.pids()["jobs"])
    node.recover("jobs/j1")
    assert node.call("jobs/j1", "tell") == first
    assert node.call("jobs/j2", "tell_by_task")["ids"] == ids


@pytest.mark.skipif(os.geteuid() != 0 or not ALL_READ, reason="needs root, and a Python for all")
def test_another_user_for_what_is_async(nodes: Nodes) -> None:
    """10.1: it imports asyncio, which none of otpy's own processes have imported, as that user."""
    folder_of(nodes)
    node = nodes.run(f"""
        name: unblocking
        user: {NOBODY}
        cwd: inner
        children:
          - {{id: async, start: "unblocking:Async"}}
          - {{id: tasks, strategy: dynamic}}
        """)
    uid = pwd.getpwnam(NOBODY).pw_uid
    assert node.call("async", "tell")["ids"][0] == [uid] * 3
    assert node.call("async", "tell_by_task")["ids"][0] == [uid] * 3
    node.recover("async")
    assert node.call("async", "tell")["ids"][0] == [uid] * 3


def names_below(pid: int) -> list[str]:
    return [" ".join(each.cmdline()).rstrip() for each in psutil.Process(pid).children()]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to do without it"
)
def test_a_node_without_rights_refuses_before_anything_starts(nodes: Nodes) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    tree = nodes.write(f"""
        name: weak
        limits: {{nofile: {hard + 1}}}
        children:
          - {{id: other, command: [sh, -c, "touch WORK/started"], user: {NOBODY}}}
          - {{id: first, command: [sh, -c, "touch WORK/started"], nice: -20}}
        """)
    weak = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    for number, command in enumerate(("check", "run")):
        run = [sys.executable, "-m", "otpy", command, str(tree)]
        node = nodes.start_by(f"weak{number}", [*weak, *run])
        assert node.wait() == 2
        for line in (
            rf"tree.yaml:3:26: nofile: got {hard + 1}, expected at most {hard}, the hard limit of",
            r"tree.yaml:5:\d+: user: got 'nobody', but this node may not become another user",
            r"tree.yaml:6:\d+: nice: got -20, expected \d+ or more: this node is not root",
        ):
            node.complains(line)
        assert not (nodes.work / "started").exists()
