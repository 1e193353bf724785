"""The public names are imported when they are asked for, and look as if they always were."""

import ast
import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import otpy

PACKAGES = [otpy]


def declared(package: ModuleType) -> dict[str, str]:
    """Return for each name that type checkers see the module that it comes from."""
    assert package.__file__
    tree = ast.parse(Path(package.__file__).read_text())
    block = next(each for each in tree.body if isinstance(each, ast.If))
    imports = [each for each in block.body if isinstance(each, ast.ImportFrom)]
    return {alias.name: str(each.module) for each in imports for alias in each.names}


def in_a_new_interpreter(script: str) -> str:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_what_there_is(package: ModuleType) -> None:
    homes = declared(package)
    public = {name for name in dir(package) if not name.startswith("_")}
    assert set(homes) == public >= set(package.__all__)
    assert public - set(package.__all__) <= {"errors", "events", "sys"}
    for name, home in homes.items():
        found = getattr(package, name)
        if home == package.__name__:
            assert found is sys.modules[f"{home}.{name}"]
        else:
            assert found is getattr(sys.modules[home], name)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_is_looked_up_once(package: ModuleType) -> None:
    value = package.call
    assert vars(package)["call"] is value


def test_a_name_that_is_not_there_is_told_as_python_tells_it() -> None:
    with pytest.raises(AttributeError, match="module 'otpy' has no attribute 'nope'"):
        otpy.nope  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'nope' from 'otpy'"):
        from otpy import nope  # type: ignore[attr-defined]  # noqa: F401


def test_a_star_imports_every_public_name() -> None:
    script = "from otpy import *; import otpy; print(set(otpy.__all__) - set(globals()))"
    assert in_a_new_interpreter(script) == "set()"


def test_names_are_found_by_who_looks_through_a_module() -> None:
    assert dict(inspect.getmembers(otpy))["Ref"] is otpy.Ref
    assert inspect.getmodule(otpy.GenServer) is sys.modules["otpy.server.genserver"]
    for value in (otpy.Ref, otpy.GenServer, otpy.CallTimeout, otpy.Down):
        assert pickle.loads(pickle.dumps(value)) is value


def test_threads_that_ask_at_once_get_the_same() -> None:
    script = """
import otpy, threading
names, start = list(otpy.__all__), threading.Barrier(8)
def look(found):
    start.wait()
    found.extend(getattr(otpy, name) for name in names)
seen = [[] for _ in range(8)]
threads = [threading.Thread(target=look, args=(found,)) for found in seen]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(all(len(each) == len(names) for each in seen), all(each == seen[0] for each in seen))
"""
    assert in_a_new_interpreter(script) == "True True"
