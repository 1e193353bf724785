"""The arrows between the packages, and the public surface."""

import ast
from collections.abc import Iterator
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
    "config": {"core", "errors", "system"},
    "system": {"errors"},
    "sys": {"server"},
    "tasks": {"server"},
    "server": {"wire", "errors", "links"},
    "links": {"wire", "errors", "system"},
    "client": {"wire", "errors", "events", "system", "links", "server"},
    "aio": {"client", "wire", "errors", "events", "system", "links", "server"},
    "runtime": {"core", "errors", "events", "wire", "config", "system", "server", "links", "aio"},
    "cli": {"otpy", "client", "config", "core", "errors", "events", "wire", "system"},
    "examples": {"otpy"},
}
"""Beside itself. The exceptions are in `EXCEPTIONS`."""

EXCEPTIONS = {
    ("runtime/__init__.py", "otpy"),  # imports, before any fork, what workers import
    ("cli/run.py", "runtime"),  # `otpy run` becomes the node
    ("config/imports.py", "otpy"),  # checks, in a process of its own, what is a GenServer
    ("config/imports.py", "server"),  # likewise
}


def modules(package: str) -> Iterator[Path]:
    place = ROOT / package
    yield from [place.with_suffix(".py")] if not place.is_dir() else sorted(place.rglob("*.py"))


def known_to(file: Path) -> Iterator[str]:
    """Yield the packages of otpy that a file imports; `otpy` stands for the public names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "otpy":
                names = [f"otpy.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            first, _, rest = name.partition(".")
            if first == "otpy":
                package = rest.partition(".")[0]
                there = (ROOT / package).exists() or (ROOT / f"{package}.py").exists()
                yield package if package and there else "otpy"


@pytest.mark.parametrize("package", MAY_KNOW)
def test_imports_go_one_way(package: str) -> None:
    for file in modules(package):
        name = str(file.relative_to(ROOT))
        for known in known_to(file):
            allowed = known == package or known in MAY_KNOW[package]
            assert allowed or (name, known) in EXCEPTIONS, f"{name} imports otpy.{known}"


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
        "SupervisorError",
        "SupervisorRef",
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
        "lookup",
        "monitor",
        "multi_call",
        "proxy",
        "receive",
        "register",
        "register_name",
        "send_request",
        "stop",
        "supervisor",
        "tasks",
        "unlink",
        "unregister",
        "whereis",
    ]
    assert all(hasattr(otpy, name) for name in otpy.__all__)


def test_who_does_not_import_the_asyncio_client_does_without_asyncio() -> None:
    import subprocess
    import sys

    script = "import sys, otpy; print('asyncio' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


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
