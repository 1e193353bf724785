"""The arrows between the packages, and the public surface."""

import ast
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import otpy

ROOT = Path(otpy.__file__).parent

MAY_KNOW = {
    "exports": set[str](),
    "errors": set[str](),
    "core": {"errors"},
    "events": {"core"},
    "wire": {"core", "errors", "events"},
    "durable": {"wire", "errors"},
    "config": {"core", "errors", "system"},
    "system": {"errors"},
    "sys": {"server"},
    "tasks": {"server"},
    "server": {"wire", "errors", "links"},
    "links": {"wire", "errors", "system"},
    "client": {"wire", "errors", "events", "system", "links", "server"},
    "embedded": {
        *("client", "config", "core", "errors", "runtime", "system", "links"),
    },
    "testing": {
        *("exports", "client", "embedded", "errors", "events", "links", "runtime", "system", "aio"),
    },
    "aio": {"client", "embedded", "wire", "errors", "events", "system", "links", "server"},
    "logs": {"wire", "errors", "system"},
    "runtime": {
        *("core", "errors", "events", "wire", "config", "system", "server", "links", "aio"),
        "durable",
    },
    "importing": set[str](),
    "cli": {
        *("otpy", "client", "logs", "durable", "importing"),
        *("config", "core", "errors", "events", "wire", "system"),
    },
    "top": {"otpy", "aio", "cli", "client", "errors", "links", "logs", "system", "wire"},
    "examples": {"otpy"},
}
"""Beside itself. The exceptions are in `EXCEPTIONS`."""

EXCEPTIONS = {
    ("runtime/preload.py", "otpy"),  # imports, before any fork, what workers import
    ("wire/frames.py", "system"),  # the memory of large bodies is kept by the allocator
    ("cli/run.py", "runtime"),  # `otpy run` becomes the node
    ("cli/top.py", "top"),  # `otpy top` with keys, where Textual is installed
    ("cli/detach.py", "runtime"),  # or starts it
    ("runtime/on_event/caster.py", "otpy"),  # casts as any client does
    ("config/event_handler_parsers.py", "events"),  # a tree names kinds of events
    ("config/imports.py", "otpy"),  # checks, in a process of its own, what is a GenServer
    ("config/imports.py", "server"),  # likewise
    ("config/mapping.py", "wire"),  # a program's values have to be such as a message carries
}


ROOMS = {
    "aio": {
        "links": set[str](),
        "client": {"links"},
        "server": {"links"},
        "embedded": {"links", "client"},
    },
    "runtime": {
        "shared": set[str](),
        "stdio": {"shared"},
        "logger": {"shared"},
        "worker": {"shared"},
        "supervisor": {"shared", "worker"},
        "gateway": {"shared"},
        "on_event": {"shared"},
        "node": {"shared", "stdio", "logger", "worker", "supervisor", "gateway", "on_event"},
    },
}
"""The packages inside a package, and which of the others each may import, beside itself.

"shared" are the files beside the rooms: what the processes have in common. `__main__` and the like,
and the files of `aio`, which give its functions their public names, stand above the rooms.
"""

ABOVE_ROOMS = {"__init__", "__main__"}


def modules(package: str) -> Iterator[Path]:
    place = ROOT / package
    yield from [place.with_suffix(".py")] if not place.is_dir() else sorted(place.rglob("*.py"))


def imported(file: Path) -> Iterator[str]:
    """Yield the dotted names of the modules that a file imports, or of names in them."""
    return names_of(ast.walk(ast.parse(file.read_text())))


def imported_at_first(file: Path) -> Iterator[str]:
    """Yield those that are imported with it, or for type checkers."""
    body = ast.parse(file.read_text()).body
    yield from names_of(body)
    for node in body:
        match node:
            case ast.If(test=ast.Name("TYPE_CHECKING"), body=block):
                yield from names_of(block)


def names_of(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module != "otpy":
                yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def known_to(file: Path) -> Iterator[str]:
    """Yield the packages of otpy that a file imports; `otpy` stands for the public names."""
    for name in imported(file):
        first, _, rest = name.partition(".")
        if first == "otpy":
            package = rest.partition(".")[0]
            found = (ROOT / package).exists() or (ROOT / f"{package}.py").exists()
            yield package if package and found else "otpy"


@pytest.mark.parametrize("package", MAY_KNOW)
def test_imports_go_one_way(package: str) -> None:
    for file in modules(package):
        name = str(file.relative_to(ROOT))
        for known in known_to(file):
            allowed = known == package or known in MAY_KNOW[package]
            assert allowed or (name, known) in EXCEPTIONS, f"{name} imports otpy.{known}"


def room_of(package: str, parts: list[str]) -> str | None:
    """Return the room that a module is in, given the names below `package`; None if above them."""
    if parts[0] in ROOMS[package]:
        return parts[0]
    shared = "shared" in ROOMS[package] and parts[0] not in ABOVE_ROOMS
    return "shared" if shared else None


@pytest.mark.parametrize("package", ROOMS)
def test_imports_between_rooms_go_one_way(package: str) -> None:
    for file in modules(package):
        name = file.relative_to(ROOT / package)
        room = room_of(package, [*name.parts[:-1], name.stem])
        for module in imported(file):
            first, second, *parts = [*module.split("."), "", ""]
            if (first, second) != ("otpy", package) or room is None:
                continue
            known = room_of(package, parts)
            allowed = known == room or known in ROOMS[package][room]
            assert allowed, f"{package}/{name} imports {module}"


DECIDES_FOR_PROCESSES = ("supervisor", "router", "supervisor_view", "publisher", "wait_queue")
"""Files of the supervisor's room that another `Runtime` would go on with."""

HOW_PROCESSES_LIVE = {
    *("os", "signal", "subprocess", "otpy.system.wait", "otpy.system.spawn"),
    *(
        f"otpy.runtime.supervisor.{name}"
        for name in (
            "spawner",
            "prefork",
            "pending_starts",
            "reaper",
            "deferred_exits",
            "owner_monitor",
        )
    ),
}


@pytest.mark.parametrize("name", DECIDES_FOR_PROCESSES)
def test_only_the_runtime_of_processes_starts_and_ends_them(name: str) -> None:
    file = ROOT / "runtime" / "supervisor" / f"{name}.py"
    known = {module for module in imported(file) if module.rpartition(".")[0] in HOW_PROCESSES_LIVE}
    assert known | (set(imported(file)) & HOW_PROCESSES_LIVE) == set()


PACKAGES = sorted(package for package in MAY_KNOW if (ROOT / package).is_dir())


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_of_modules_are_no_circle(package: str) -> None:
    known = {module_name(file): set(imported_at_first(file)) for file in modules(package)}
    left = dict(known)
    while free := [name for name, others in left.items() if not others & left.keys() - {name}]:
        for name in free:
            del left[name]
    assert set(left) == set()


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_public_surface_is_this() -> None:
    assert sorted(otpy.__all__) == [
        "Agent",
        "Call",
        "CallTimeout",
        "Caller",
        "CallingSelf",
        "ChildCounts",
        "ChildInfo",
        "Continue",
        "Down",
        "Exit",
        "FrameTooLarge",
        "GenServer",
        "Ignore",
        "Monitor",
        "NoProcess",
        "NoReply",
        "Node",
        "NodeAlreadyRunning",
        "NodeNotFound",
        "NotReloaded",
        "NotSendable",
        "OtpyError",
        "Pending",
        "ProcessDown",
        "ProcessInfo",
        "ProtocolError",
        "Ref",
        "Refused",
        "Registered",
        "Reply",
        "RuntimeDirError",
        "SpecError",
        "StartFailed",
        "Statistics",
        "Stop",
        "StorageError",
        "SupervisorError",
        "SupervisorRef",
        "Table",
        "Timeout",
        "TimerRef",
        "TraceEvent",
        "TraceStream",
        "UnknownRequest",
        "abcast",
        "call",
        "cast",
        "connect",
        "demonitor",
        "dispatch",
        "link",
        "log_events",
        "lookup",
        "monitor",
        "multi_call",
        "proxy",
        "ready",
        "receive",
        "register",
        "register_name",
        "run",
        "send_request",
        "sockets",
        "stop",
        "supervisor",
        "tasks",
        "unlink",
        "unregister",
        "watchdog",
        "whereis",
    ]
    assert all(hasattr(otpy, name) for name in otpy.__all__)


def test_the_version_is_the_one_of_the_package() -> None:
    assert otpy.__version__ == importlib.metadata.version("otpy")


def test_a_worker_does_not_pay_for_what_only_the_command_line_needs() -> None:
    import subprocess
    import sys

    heavy = ("click", "yaml", "pydantic", "psutil", "asyncio", "rich")
    script = (
        f"import sys, otpy.runtime.node.launch; print([m for m in {heavy!r} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


DEPENDENT = {"Process", "Pool", "Queue", "SimpleQueue", "JoinableQueue", "Manager", "Lock", "RLock"}
DEPENDENT |= {"Event", "Condition", "Barrier", "Semaphore", "BoundedSemaphore", "Value", "Array"}
"""What `multiprocessing` itself makes as its default start method has it; `Pipe` is not."""


def made_by_default(file: Path) -> Iterator[str]:
    """Yield what a file takes from `multiprocessing` without a context of its own."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(ast.Name("multiprocessing"), name)):
                yield from {name} & DEPENDENT
            case ast.ImportFrom(module="multiprocessing", names=names):
                yield from {each.name for each in names} & DEPENDENT
            case ast.Call(func=ast.Name(name) | ast.Attribute(_, name), keywords=keywords):
                options = {each.arg for each in keywords}
                if name == "ProcessPoolExecutor" and "mp_context" not in options:
                    yield name
                if name in {"BaseManager", "SyncManager"} and "ctx" not in options:
                    yield name


def test_nothing_depends_on_the_default_start_method() -> None:
    """0.5: it is fork up to Python 3.13, and forkserver from 3.14 on."""
    files = [*ROOT.rglob("*.py"), *(ROOT.parent / "tests").rglob("*.py")]
    files += (ROOT.parent / "scripts").rglob("*.py")
    assert [(file, name) for file in files for name in made_by_default(file)] == []


def test_what_depends_on_it_would_be_found(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text(
        "import multiprocessing\nfrom multiprocessing import Pool, Pipe\n"
        "multiprocessing.Queue()\nProcessPoolExecutor()\nBaseManager(ctx=FORK)\n"
    )
    assert sorted(made_by_default(file)) == ["Pool", "ProcessPoolExecutor", "Queue"]
