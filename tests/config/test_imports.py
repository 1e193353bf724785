"""Whether what a tree starts is there: modules, attributes, kinds, arguments, programs."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.folder import Folder
from tests.support.processes import descendants, stat_of

SHOP = """\
from otpy import GenServer, call, cast
import functools

class Cart(GenServer):
    def init(self, owner: str, *, size: int = 1) -> None: ...

class Bare(GenServer): ...

class Sold(Bare):
    def init(self, *args): super().init(*args)

class Plain(GenServer):
    __slots__ = ("name",)
    instance = 5
    def __init__(self, one=1, *args, **kwargs): ...
    @call
    def count(self): ...

class Made(GenServer):
    def __init__(self, n=0): ...

class Needs(GenServer):
    def __init__(self, n, m): ...

class Named(GenServer):
    @call
    def name(self): ...

class Numbered(GenServer):
    @property
    def instance(self): ...

class Called(GenServer):
    @cast
    def terminate(self, reason): ...

class Trapping(GenServer):
    @call
    def trap_exit(self): ...

class Counting(GenServer):
    @call
    def count(self): ...
    @call
    def gone(self): ...

class Hides(Counting):
    gone = None
    count: int = 0

class Overrides(Counting):
    gone = None
    def count(self): ...

class Status(GenServer):
    async def format_status(self, status): ...

class Other: ...

class Group:
    Inner = Cart

def run(first, second=2): ...

partial = functools.partial(run, 1)
number = 5
"""
A_SERVER = "expected a GenServer subclass or a function"


@pytest.fixture
def shop(folder: Folder) -> Folder:
    folder.write("shop_.py", SHOP)
    return folder


def starting(start: str, more: str = "") -> str:
    return f"children:\n- id: a\n  start: {start}\n{more}"


@pytest.mark.parametrize(
    ("start", "args"),
    [
        ("shop_:Cart", "args: [ann]"),
        ("shop_:Cart", "args: {owner: ann, size: 2}"),
        ("shop_:Bare", ""),
        ("shop_:Plain", ""),
        ("shop_:Sold", "args: [1]"),
        ("shop_:Overrides", ""),
        ("shop_:Group.Inner", "args: [ann]"),
        ("shop_:run", "args: [1]"),
        ("shop_:partial", ""),
        ("builtins:print", "args: [1]"),
        ("os.path:join", "args: [a]"),
        ("otpy:GenServer", ""),
    ],
)
def test_what_is_there(shop: Folder, start: str, args: str) -> None:
    assert shop.mistakes(starting(start, f"  {args}\n"), check_imports=True) == []


def test_the_start_directory_is_not_searched_with_pythonsafepath(
    shop: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5.7."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    (mistake,) = shop.mistakes(starting("shop_:Cart", ""), check_imports=True)
    assert "no module 'shop_', expected one that can be imported without this directory" in mistake
    assert "PYTHONSAFEPATH is set" in mistake


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (
            "shop:Cart",
            "no module 'shop', expected one that can be imported; did you mean 'shop_'?",
        ),
        (
            "gone.sub:Cart",
            "no module 'gone' in 'gone.sub', expected one that can be imported",
        ),
        (
            "os.gone:Cart",
            "no module 'os.gone', expected one that can be imported",
        ),
        (
            "json.encodr:Cart",
            "no module 'json.encodr', expected one that can be imported; did you mean 'encoder'?",
        ),
        ("shop_:Kart", "'shop_' has no attribute 'Kart'; did you mean 'Cart'?"),
        ("shop_:Group.Iner", "'Group' has no attribute 'Iner'; did you mean 'Inner'?"),
        ("shop_:Xyz", "'shop_' has no attribute 'Xyz'"),
        ("shop_:number", f"got 'shop_:number', of type int, {A_SERVER}"),
        ("shop_:Other", f"got 'shop_:Other', a class that is no GenServer, {A_SERVER}"),
    ],
)
def test_what_is_not(shop: Folder, start: str, text: str) -> None:
    assert shop.mistakes(starting(start), check_imports=True) == [f"3:10: start: {text}"]


@pytest.mark.parametrize(
    ("start", "args", "line"),
    [
        (
            "shop_:Cart",
            "[]",
            "4:9: args: missing a required argument: 'owner', expected Cart(owner, *, size=1)",
        ),
        (
            "shop_:Cart",
            "[a, b]",
            "4:9: args: too many positional arguments, expected Cart(owner, *, size=1)",
        ),
        (
            "shop_:Cart",
            "{owner: a, colour: b}",
            (
                "4:9: args: got an unexpected keyword argument 'colour',"
                " expected Cart(owner, *, size=1)"
            ),
        ),
        (
            "shop_:Bare",
            "[1, 2]",
            "4:9: args: Bare has no init, expected no arguments",
        ),
        (
            "shop_:Bare",
            "{n: 5}",
            "4:9: args: Bare has no init, expected no arguments",
        ),
        (
            "shop_:Made",
            "[5]",
            "4:9: args: Made has no init that takes them; rename `__init__` to `init`",
        ),
        (
            "shop_:run",
            "[]",
            "4:9: args: missing a required argument: 'first', expected run(first, second=2)",
        ),
    ],
)
def test_arguments(shop: Folder, start: str, args: str, line: str) -> None:
    assert shop.mistakes(starting(start, f"  args: {args}\n"), check_imports=True) == [line]


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (
            "Needs",
            (
                "Needs.__init__ needs n, m, which it is not given; rename it to `init`,"
                " which gets the `args`"
            ),
        ),
        ("Named", "Named.name hides the attribute `name`, which otpy sets: rename it"),
        (
            "Numbered",
            "Numbered.instance hides the attribute `instance`, which otpy sets: rename it",
        ),
        (
            "Called",
            "Called.terminate is marked @cast, but every server has a terminate: rename it",
        ),
        (
            "Trapping",
            "Trapping.trap_exit is marked @call, but every server has a trap_exit: rename it",
        ),
        ("Hides", "Hides.count hides Counting.count, which is marked @call: rename it"),
        ("Status", "Status.format_status is async def, expected def"),
    ],
)
def test_classes_that_cannot_work(shop: Folder, server: str, text: str) -> None:
    """4.8, 4.9."""
    told = shop.mistakes(starting(f"shop_:{server}"), check_imports=True)
    assert told == [f"3:10: start: {text}"]


def test_a_template_may_leave_arguments_out_but_not_give_what_nobody_takes(shop: Folder) -> None:
    """4.8."""
    text = """
children:
- id: pool
  strategy: dynamic
  template: {id: w, start: shop_:START, args: ARGS}
"""
    for start, args in (("Cart", "[]"), ("run", "[]"), ("Made", "[]")):
        good = text.replace("START", start).replace("ARGS", args)
        assert shop.mistakes(good, check_imports=True) == []
    bad = text.replace("START", "Made").replace("ARGS", "[5]")
    (told,) = shop.mistakes(bad, check_imports=True)
    assert told.endswith("args: Made has no init that takes them; rename `__init__` to `init`")


def test_arguments_that_are_left_out(shop: Folder) -> None:
    assert shop.mistakes(starting("shop_:run"), check_imports=True) == [
        "2:3: args: missing a required argument: 'first', expected run(first, second=2)"
    ]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("1 / 0", "importing 'bad_' failed: ZeroDivisionError: division by zero"),
        ("raise ValueError('a\\nb')", "importing 'bad_' failed: ValueError: a b"),
        ("raise KeyboardInterrupt", "importing 'bad_' failed: KeyboardInterrupt"),
        ("import sys; sys.exit(3)", "importing 'bad_' failed: SystemExit: 3"),
        (
            "import gone_one",
            "importing 'bad_' failed: ModuleNotFoundError: No module named 'gone_one'",
        ),
        ("def (", "importing 'bad_' failed: SyntaxError: invalid syntax (bad_.py, line 1)"),
        ("import os; os._exit(3)", "importing 'bad_' ended the process: exit: 3"),
        ("import os; os._exit(0)", "importing 'bad_' ended the process: normal"),
        ("import os; os.kill(0, 10)", "importing 'bad_' ended the process: signal: SIGUSR1"),
        ("import os; os.kill(os.getpid(), 9)", "importing 'bad_' ended the process: killed"),
        ("import os; os.killpg(0, 15)", "importing 'bad_' ended the process: signal: SIGTERM"),
        ("import os; os.closerange(3, 256)", "importing 'bad_' ended the process: exit: 1"),
    ],
)
def test_a_module_that_cannot_be_imported(folder: Folder, code: str, text: str) -> None:
    folder.write("bad_.py", code)
    assert folder.mistakes(starting("bad_:x"), check_imports=True) == [f"3:10: start: {text}"]


def test_the_rest_is_checked_when_the_probe_dies(shop: Folder) -> None:
    shop.write("bad_.py", "import os; os._exit(1)")
    starts = ["shop_:Kart", "bad_:x", "gone:x", "bad_:y", "shop_:Bare"]
    text = "children:\n" + "".join(
        f"- {{id: {i}, start: '{s}'}}\n" for i, s in zip("abcde", starts, strict=False)
    )
    assert shop.mistakes(text, check_imports=True) == [
        "2:18: start: 'shop_' has no attribute 'Kart'; did you mean 'Cart'?",
        "3:18: start: importing 'bad_' ended the process: exit: 1",
        "4:18: start: no module 'gone', expected one that can be imported",
        "5:18: start: importing 'bad_' ended the process: exit: 1",
    ]


def test_each_module_is_imported_once_in_the_order_of_the_file(folder: Folder) -> None:
    for name in ("one_", "two_"):
        folder.write(f"{name}.py", f"open('log', 'a').write('{name}')\ndef f(): ...")
    starts = ["two_:f", "one_:f", "two_:f"]
    text = "children:\n" + "".join(
        f"- {{id: {i}, start: '{s}'}}\n" for i, s in zip("abc", starts, strict=False)
    )
    folder.load(text, check_imports=True)
    assert Path("log").read_text(encoding="utf-8") == "two_one_"


def test_what_a_module_prints_goes_to_stderr(
    folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.write("loud_.py", "import os; print('one'); os.write(1, b'two')\ndef f(): ...")
    folder.load(starting("loud_:f"), check_imports=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert set(err.split()) <= {"one", "two", "twoone"}
    assert err


def descriptors() -> set[str]:
    """Return the open descriptors; the listing's own is closed again when they are looked at."""
    return {path.name for path in Path("/proc/self/fd").iterdir() if path.exists()}


def test_the_caller_stays_as_it_was(folder: Folder) -> None:
    folder.write("odd_.py", "import os, sys\nos.environ['ODD'] = '1'\nos.chdir('/')\ndef f(): ...")
    before = list(sys.path), Path.cwd(), descriptors()
    folder.load(starting("odd_:f"), check_imports=True)
    assert (list(sys.path), Path.cwd(), descriptors()) == before
    assert "odd_" not in sys.modules
    assert "ODD" not in os.environ


def has_ended(pid: int) -> bool:
    """Wait for the end of a process that is no child of this one."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], 60)[0])
    finally:
        os.close(pidfd)


def test_what_a_module_leaves_running_is_ended(folder: Folder) -> None:
    code = "import os, signal\npid = os.fork()\nif pid == 0:\n    signal.pause()\n"
    folder.write("fork_.py", f"{code}open('pid', 'w').write(str(pid))\ndef f(): ...")
    folder.load(starting("fork_:f"), check_imports=True)
    assert has_ended(int(Path("pid").read_text(encoding="utf-8")))


def test_a_copy_of_the_probe_tells_nothing(folder: Folder) -> None:
    folder.write("fork_.py", "import os\nif os.fork():\n    os.wait()\ndef f(): ...")
    assert folder.mistakes(starting("fork_:g"), check_imports=True) == [
        "3:10: start: 'fork_' has no attribute 'g'"
    ]


def test_a_thread_that_goes_on_does_not_hold_the_probe(folder: Folder) -> None:
    code = "import threading\nthreading.Thread(target=threading.Event().wait).start()\ndef f(): ..."
    folder.write("busy_.py", code)
    folder.load(starting("busy_:f"), check_imports=True)


# Only once its parent sleeps in its wait: Python may lose a signal just before a system call.
INTERRUPTING = """\
import os, pathlib, signal
stat = pathlib.Path(f"/proc/{os.getppid()}/stat")
while stat.read_text().rpartition(")")[2].split()[0] != "S":
    os.sched_yield()
os.kill(os.getppid(), signal.SIGINT)
signal.pause()
"""


def test_an_interrupt_ends_the_wait(folder: Folder) -> None:
    folder.write("slow_.py", INTERRUPTING)
    before = descendants(os.getpid())
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            folder.load(starting("slow_:f"), check_imports=True)
    finally:
        signal.signal(signal.SIGINT, old)
    assert set(descendants(os.getpid())) <= set(before)


def test_the_interpreter_is_a_fresh_one(folder: Folder) -> None:
    """A module that is named like one of this process's is the user's, as in the node."""
    folder.write("pytest.py", "def f(): ...")
    assert folder.mistakes(starting("pytest:f"), check_imports=True) == []


WAITING = """\
import os, signal
with open("probe", "w") as file:
    file.write(str(os.getpid()))
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_the_probe_never_outlives_its_command(folder: Folder, number: signal.Signals) -> None:
    """1.8: ``timeout 2 otpy check``."""
    folder.write("slow_.py", WAITING)
    folder.write("tree.yaml", starting("slow_:f"))
    os.mkfifo("probe")
    with subprocess.Popen([sys.executable, "-m", "otpy", "check", "tree.yaml"]) as command:
        probe = int(Path("probe").read_text(encoding="utf-8"))
        command.send_signal(number)
        assert command.wait() == -number
    assert has_ended(probe)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a process 1")
def test_process_1_is_stopped_while_it_checks(folder: Folder) -> None:
    """1.8: the kernel drops signals that process 1 does not handle."""
    folder.write("slow_.py", WAITING)
    folder.write("tree.yaml", starting("slow_:f"))
    os.mkfifo("probe")
    run = [sys.executable, "-m", "otpy", "run", "tree.yaml"]
    with subprocess.Popen(["unshare", "--pid", "--fork", *run]) as command:
        assert Path("probe").read_text(encoding="utf-8")
        below = descendants(command.pid)
        first = next(p for p in below if (stat_of(p) or "??")[1] == str(command.pid))
        os.kill(first, signal.SIGTERM)
        assert command.wait() == 128 + signal.SIGTERM


def test_a_program(folder: Folder) -> None:
    assert folder.mistakes("children: [{id: a, command: [sh]}]", check_imports=True) == []
    assert folder.mistakes("children: [{id: a, command: [no-such]}]", check_imports=True) == [
        "1:30: command[0]: got 'no-such', expected a program in PATH"
    ]


def test_all_kinds_of_mistakes_at_once(shop: Folder) -> None:
    text = """\
children:
- {id: a, start: 'shop_:Kart', restart: always}
- {id: a, command: [no-such]}
- {id: c, start: 'shop_:Cart', args: 5}
"""
    assert [line.partition(" ")[0] for line in shop.mistakes(text, check_imports=True)] == [
        *("2:18:", "2:41:", "3:8:", "3:21:", "4:38:")
    ]


def test_nothing_is_imported_unless_told(folder: Folder) -> None:
    assert folder.mistakes(starting("gone:x")) == []


def test_a_template_is_imported_and_may_lack_arguments(shop: Folder) -> None:
    def told(fields: str) -> list[str]:
        text = f"{{strategy: dynamic, template: {{{fields}}}}}"
        return shop.mistakes(text, check_imports=True)

    assert told("start: 'shop_:Cart'") == []
    assert told("start: 'shop_:Cart', args: [1, 2, 3, 4, 5]")[0].startswith("1:59: args: too many")
    assert told("start: 'shop_:Kart'")[0].startswith("1:39: start: 'shop_' has no attribute")
    assert told("command: [no-such]") == [
        "1:42: command[0]: got 'no-such', expected a program in PATH"
    ]
