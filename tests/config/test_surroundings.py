"""What a process starts in: its keys, each wrong value in one line, and how it is passed down."""

import os
import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpy.config import child_from_data, child_to_data
from otpy.config.surrounding_parsers import RESOURCES
from otpy.core.placement import placed
from otpy.core.spec import (
    ChildSpec,
    CommandStart,
    Inheritable,
    ServerStart,
    Strategy,
    SupervisorSpec,
)
from otpy.core.surroundings import Limit, Surroundings
from otpy.system import permissions
from otpy.system.limits import set_limit
from tests.config.folder import Folder, Told

ONE = "children:\n- id: a\n  command: [sh]\n  {field}\n"
A_NAME = "a name that is not empty, without '=' and the NUL character"
A_PATH = "a path, absolute or relative to the tree's file"
A_SIZE = "a size in bytes or such as 512KiB, 64MiB or 1GiB, or infinity"
A_TIME = "a duration of at most 1000000000 s such as 60s, or infinity"
OF_CPUS = "a list of their numbers, or ranges such as 0-3,8"


LOG_LEVELS = "DEBUG, INFO, WARNING, ERROR or CRITICAL, or a number of 0 or more"


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("env: [A=1]", "4:8: env: got a list, expected a mapping of names to values, such as"),
        (
            "env: {PORT: 8080}",
            "4:15: PORT: got 8080, expected a string; put it in quotes, or null to remove the name",
        ),
        ("env: {'A=B': x}", f"4:9: got the key 'A=B', expected {A_NAME}"),
        ("env: {'': x}", f"4:9: got the key '', expected {A_NAME}"),
        ("env: {5: x}", "4:9: got the key 5, expected a string; put it in quotes"),
        ('env: {A: "a\\0b"}', "4:12: A: got 'a\\x00b', expected a value without the NUL character"),
        ("env: {OTPY_MARK: x}", "4:9: got the key 'OTPY_MARK', expected another: OTPY_MARK is ot"),
        ("env_file: 5", f"4:13: env_file: got 5, expected {A_PATH}"),
        ("env_file: ['']", f"4:14: env_file[0]: got '', expected {A_PATH}"),
        ("env_file: '?'", "4:13: env_file: got '?', expected a path before the '?'"),
        ("inherit_env: 1", "4:16: inherit_env: got 1, expected true, false or a list of names"),
        ("inherit_env: ['=']", f"4:17: inherit_env[0]: got '=', expected {A_NAME}"),
        ("cwd:", f"4:7: cwd: got nothing, expected {A_PATH}"),
        ("cwd: [a]", f"4:8: cwd: got a list, expected {A_PATH}"),
        ("user: true", "4:9: user: got true, expected a name, or a number from 0 to 4294967294"),
        ("user: -1", "4:9: user: got -1, expected a name, or a number from 0 to 4294967294"),
        ("group: ''", "4:10: group: got '', expected a name, or a number from 0 to 4294967294"),
        (
            "umask: 022",
            (
                "4:10: umask: got 022 (YAML reads it as 18), expected an octal number as a string,"
                ' such as "022"; put it in quotes'
            ),
        ),
        (
            "umask: '888'",
            "4:10: umask: got '888', expected an octal number as a string, such as \"",
        ),
        ("nice: 20", "4:9: nice: got 20, expected an integer from -20 to 19"),
        ("log_level: loud", f"4:14: log_level: got 'loud', expected {LOG_LEVELS}"),
        ("log_level: -1", f"4:14: log_level: got -1, expected {LOG_LEVELS}"),
        ("nice: high", "4:9: nice: got 'high', expected an integer from -20 to 19"),
        ("cpu_affinity: 3-1", "4:17: cpu_affinity: got '3-1', expected ranges of CPUs from 0 to 8"),
        ("cpu_affinity: []", "4:17: cpu_affinity: got an empty list, expected at least one CPU"),
        ("cpu_affinity: [a]", f"4:18: cpu_affinity[0]: got 'a', expected CPUs: {OF_CPUS}"),
        (
            "limits: 5",
            "4:11: limits: got 5, expected a mapping of resources to limits, such as {no",
        ),
        ("limits: {nofiles: 5}", "4:12: got the key 'nofiles', expected one of "),
        (
            "limits: {nofile: 1GiB}",
            "4:20: nofile: got '1GiB', expected an integer, 0 or more, or i",
        ),
        ("limits: {as: 5s}", f"4:16: as: got '5s', expected {A_SIZE}"),
        ("limits: {cpu: 1GiB}", f"4:17: cpu: got '1GiB', expected {A_TIME}"),
        (
            "limits: {nofile: -1}",
            "4:20: nofile: got -1, expected an integer, 0 or more, or infinity",
        ),
        (
            "limits: {nofile: {soft: 5, hard: 4}}",
            "4:20: nofile: got a mapping, expected a soft limit that is not above the hard one",
        ),
        (
            "limits: {core: {soft: x}}",
            f"4:18: core: got a mapping, expected {A_SIZE} as soft, not 'x'",
        ),
        (
            "limits: {as: {most: 5}}",
            f"4:16: as: got a mapping, expected {A_SIZE}, or a mapping of ",
        ),
        ("stdin: 5", f"4:10: stdin: got 5, expected {A_PATH}"),
    ],
)
def test_a_wrong_value(told: Told, field: str, line: str) -> None:
    (mistake,) = told(ONE.replace("{field}", field))
    assert mistake.startswith(line)


def test_every_wrong_variable_and_limit_is_told(told: Told) -> None:
    lines = told("env: {A: 1, B: x, C: 2}\nlimits: {nofile: x, 5: 1}\nchildren: []\n")
    assert [line.partition(": ")[0] for line in lines] == ["1:10", "1:22", "2:18", "2:21"]


def test_what_a_supervisor_reads_is_no_key(told: Told) -> None:
    (line,) = told("children: [{id: a, children: [], stdin: x}]\n")
    assert line.startswith("1:34: 'stdin' with 'children', expected only with 'start' or 'command'")


def test_the_forms_of_each_key(folder: Folder) -> None:
    child = child_from_data(
        {
            "id": "a",
            "command": ["p"],
            "env": {"A": "x", "B": None},
            "env_file": "f?",
            "inherit_env": ["PATH"],
            "cwd": "d",
            "user": "7",
            "group": "g",
            "umask": "022",
            "nice": -5,
            "log_level": "warning",
            "cpu_affinity": "8,0-2,1",
            "stdin": "in",
            "limits": {
                "as": "1GiB",
                "core": 0,
                "cpu": "2m",
                "fsize": "1.5k",
                "stack": "1MB",
                "nofile": {"soft": 5},
                "data": "infinity",
                "rttime": "5ms",
            },
        }
    )
    assert child.surroundings == Surroundings(
        env={"A": "x", "B": None},
        env_file=("f?",),
        inherit_env=("PATH",),
        cwd="d",
        user=7,
        group="g",
        umask="022",
        nice=-5,
        log_level="WARNING",
        cpu_affinity=(0, 1, 2, 8),
        limits={
            "as": Limit(1 << 30, 1 << 30),
            "core": Limit(0, 0),
            "cpu": Limit(120, 120),
            "fsize": Limit(1536, 1536),
            "stack": Limit(10**6, 10**6),
            "nofile": Limit(soft=5),
            "data": Limit("infinity", "infinity"),
            "rttime": Limit(5000, 5000),
        },
        stdin="in",
    )
    assert child_from_data(child_to_data(child)) == child


def test_children_inherit_what_they_do_not_say(folder: Folder) -> None:
    spec = folder.load("""
env: {A: top, B: top}
cwd: top
user: root
group: daemon
limits: {core: 0}
children:
- {id: own, command: [x], env: {B: own, C: null}, cwd: /own, user: 1, stdin: in}
- {id: below, start: "m:f", nice: 3}
- id: sup
  env: {B: sup}
  children:
  - {id: x, start: "m:f", instances: 2, limits: {}}
- id: dyn
  strategy: dynamic
  env_file: [e, f?]
  template: {start: "m:f", env: {A: job}}
""").spec
    here = str(folder.path)
    core = {"core": Limit(0, 0)}
    own, below, sup, dyn = spec.children
    assert own.surroundings == Surroundings(
        {"A": "top", "B": "own", "C": None}, cwd="/own", user=1, limits=core, stdin=f"{here}/in"
    )
    top = Surroundings(
        {"A": "top", "B": "top"}, cwd=f"{here}/top", user="root", group="daemon", limits=core
    )
    assert spec.surroundings == top
    assert below.surroundings == Surroundings(nice=3).inherit(top)
    assert isinstance(sup.start, SupervisorSpec)
    assert isinstance(dyn.start, SupervisorSpec)
    pool = sup.start.children[0].start
    assert isinstance(pool, SupervisorSpec)
    for each in pool.children:
        assert each.surroundings == Surroundings({"B": "sup"}, limits={}).inherit(top)
    assert dyn.start.template is not None
    assert dyn.start.template.surroundings == Surroundings(
        {"A": "job"}, env_file=(f"{here}/e", f"{here}/f?")
    ).inherit(top)
    # What `start_child` adds, later on:
    added = placed(
        ChildSpec("new", CommandStart(("x",)), surroundings=Surroundings({"C": "new"}, cwd="d")),
        dyn.start,
        dyn.start.folder,
    )
    assert added.surroundings == Surroundings(
        {"C": "new"}, cwd=f"{here}/d", env_file=(f"{here}/e", f"{here}/f?")
    ).inherit(top)


def test_a_child_of_which_nothing_is_said_stays_as_it_is() -> None:
    child = ChildSpec("a", ServerStart("m:f"))
    assert placed(child, Inheritable(), "/x") is child


variables = st.text(st.characters(exclude_characters="=\0", exclude_categories=["Cs"]), min_size=1)
paths = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
amounts = st.none() | st.integers(0, 10**12) | st.just("infinity")
limits = st.builds(Limit, amounts, amounts).filter(
    lambda limit: (
        limit != Limit()
        and not (limit.hard is not None and limit.soft == "infinity" != limit.hard)
        and not (isinstance(limit.soft, int) and isinstance(limit.hard, int))
    )
) | st.integers(0, 10**12).map(lambda number: Limit(number, number))
surroundings = st.builds(
    Surroundings,
    env=st.none()
    | st.dictionaries(variables.filter(lambda n: n != "OTPY_MARK"), paths | st.none()),
    env_file=st.none() | st.lists(paths.filter(lambda path: path != "?")).map(tuple),
    inherit_env=st.none() | st.booleans() | st.lists(variables).map(tuple),
    cwd=st.none() | paths,
    user=st.none() | st.integers(0, 10**6) | st.sampled_from(["root", "nobody"]),
    group=st.none() | st.integers(0, 10**6) | st.sampled_from(["root", "nogroup"]),
    umask=st.none() | st.sampled_from(["0", "022", "0o077"]),
    nice=st.none() | st.integers(-20, 19),
    log_level=st.none() | st.integers(0, 99) | st.sampled_from(["DEBUG", "CRITICAL"]),
    cpu_affinity=st.none()
    | st.sets(st.integers(0, 64), min_size=1).map(lambda s: tuple(sorted(s))),
    limits=st.none() | st.dictionaries(st.sampled_from(RESOURCES), limits),
    stdin=st.none() | paths,
)


@given(surroundings)
def test_surroundings_come_back_from_their_data(own: Surroundings) -> None:
    child = ChildSpec("a", ServerStart("m:f"), surroundings=own)
    assert child_from_data(child_to_data(child)) == child


@given(surroundings, surroundings, surroundings)
def test_what_is_passed_down_holds_once_and_for_all(
    own: Surroundings, above: Surroundings, top: Surroundings
) -> None:
    known = own.inherit(above)
    assert known.inherit(above) == known
    child = ChildSpec("a", ServerStart("m:f"), surroundings=own)
    supervisor = ChildSpec("p", SupervisorSpec(Strategy.ONE_FOR_ONE, children=(child,)))
    above_all = Inheritable(surroundings=top.in_folder("/f"))
    once = placed(supervisor, above_all, "/f")
    assert placed(once, above_all, "/f") == once
    assert child_from_data(child_to_data(once)) == once


# ---- what this node may do ---------------------------------------------------------------------


def test_another_user_without_root(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "_has_capability", lambda _number: False)
    monkeypatch.setattr(
        resource, "getrlimit", lambda n: (0, 0) if n == resource.RLIMIT_NICE else (100, 100)
    )
    monkeypatch.setattr(os, "getpriority", lambda _kind, _pid: 0)
    beyond = "expected at most 100, the hard limit of this node, which is not root"
    lines = folder.mistakes(
        """
user: 1
group: 1
nice: -20
limits: {nofile: 100, nproc: 101, stack: infinity}
children: []
""",
        check_imports=True,
    )
    assert lines == [
        "2:7: user: got 1, but this node may not become another user: it is not root",
        "4:7: nice: got -20, expected 0 or more: this node is not root",
        f"5:30: nproc: got 101, {beyond}",
        f"5:42: stack: got infinity, {beyond}",
    ]


def test_what_is_not_there(folder: Folder) -> None:
    folder.write("file", "")
    text = """
children:
- {id: a, command: [sh], cwd: nowhere}
- {id: b, command: [sh], cwd: file}
- {id: c, command: [sh], user: nobody-of-that-name}
- {id: d, command: [sh], group: nobody-of-that-name}
- {id: e, command: [sh], user: 4000000000}
- {id: f, command: [sh], cpu_affinity: 8191}
- {id: g, command: [sh], env: {PATH: /nowhere}}
"""
    cpus = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    assert folder.mistakes(text, check_imports=True) == [
        f"3:31: cwd: got 'nowhere' ({folder.path}/nowhere), expected a directory that exists",
        f"4:31: cwd: got 'file' ({folder.path}/file), expected a directory",
        "5:32: user: got 'nobody-of-that-name', but there is no user 'nobody-of-that-name'",
        "6:33: group: got 'nobody-of-that-name', but there is no group 'nobody-of-that-name'",
        "7:32: user: got 4000000000, but user 4000000000 has no account, so a group is needed",
        f"8:40: cpu_affinity: got 8191, expected some of those that this node may run on: {cpus}",
        "9:21: command[0]: got 'sh', expected a program in PATH, /nowhere",
    ]


def test_modules_are_looked_for_where_the_child_starts(folder: Folder) -> None:
    for name, attribute in (("one", "first"), ("two", "second"), ("lib", "third")):
        (folder.path / name).mkdir()
        module = "mod" if name != "lib" else "libmod"
        folder.write(f"{name}/{module}.py", f"def {attribute}(): pass\n")
    text = """
children:
- {id: a, start: "mod:first", cwd: one}
- {id: b, start: "mod:second", cwd: two}
- {id: c, start: "libmod:third", cwd: two, env: {PYTHONPATH: ../lib}}
"""
    assert folder.mistakes(text, check_imports=True) == []
    (line,) = folder.mistakes(text.replace("cwd: one", "cwd: two"), check_imports=True)
    assert line.startswith("3:18: start: 'mod' has no attribute 'first'")


def test_a_limit_is_set_on_its_own_half(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _number: (50, 100))
    monkeypatch.setattr(resource, "setrlimit", lambda *given: done.append(given))
    for soft, hard in ((10, None), (None, 20), (None, "infinity"), (1, 2)):
        set_limit("core", soft, hard)
    assert [both for _, both in done] == [(10, 100), (20, 20), (50, -1), (1, 2)]
