"""Number 3: files of other tools become trees; what they cannot say is told with its line."""

import contextlib
import string
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otpy.config import load
from otpy.core.spec import ChildSpec, CommandStart, SupervisorSpec
from otpy.importing.detect import import_file
from otpy.importing.result import CannotImport
from otpy.importing.shell import command_of
from otpy.importing.write import tree_text
from tests.importing.snapshots import DATA, FILES, imported


@pytest.fixture(autouse=True)
def _a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_imported_as_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DATA / name)
    tree, notes = imported(name)
    assert tree == Path("expected.yaml").read_text()
    assert notes == Path("expected.notes").read_text()
    load("expected.yaml", check_imports=False)


def spec_of(tmp_path: Path, name: str, text: str) -> tuple[SupervisorSpec, list[str]]:
    (tmp_path / name).write_text(text)
    tree = import_file(str(tmp_path / name))
    (tmp_path / "tree.yaml").write_text(tree_text(tree))
    spec = load(tmp_path / "tree.yaml", check_imports=False).spec
    return spec, [str(note).removeprefix(f"{tmp_path}/") for note in sorted(tree.notes)]


def child(spec: SupervisorSpec, *path: str) -> ChildSpec:
    first, *others = path
    (found,) = (each for each in spec.children if each.id == first)
    if not others:
        return found
    assert isinstance(found.start, SupervisorSpec)
    return child(found.start, *others)


def argv(found: ChildSpec) -> tuple[str, ...]:
    assert isinstance(found.start, CommandStart)
    return found.start.argv


def test_what_supervisord_does_not_expand_is_not_expanded_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of supervisord's has no shell: $X, ${X} and && are words like any other."""
    monkeypatch.setenv("PORT", "80")
    spec, notes = spec_of(
        tmp_path,
        "supervisord.conf",
        "[program:x]\n"
        "command=a $PORT ${PORT} && %(ENV_PORT)s %(ENV_NOT_SET)s 5%% %(process_num)02d",
    )
    assert argv(child(spec, "x"))[:4] == ("a", "$PORT", "${PORT}", "&&")
    assert argv(child(spec, "x"))[4:] == ("80", "", "5%", "00")
    assert notes == ["supervisord.conf:2: NOT_SET is not set here; it stands for nothing then"]


def test_the_end_of_a_process_that_ends_all_does_so_below_a_supervisor(tmp_path: Path) -> None:
    spec, _ = spec_of(
        tmp_path,
        "process-compose.yaml",
        """
processes:
  test: {command: ./test, namespace: ci, availability: {exit_on_end: true}}
  web: {command: ./web, namespace: ci}
""",
    )
    assert spec.auto_shutdown == "any_significant"
    assert child(spec, "ci").significant
    assert child(spec, "ci", "test").significant


def test_each_comes_after_what_it_depends_on_and_a_circle_is_told(tmp_path: Path) -> None:
    spec, notes = spec_of(
        tmp_path,
        "process-compose.yml",
        """
processes:
  a: {command: a, depends_on: {c: {condition: process_started}}}
  b: {command: b, depends_on: [a]}
  c: {command: c}
  d: {command: d, depends_on: {e: {}}}
  e: {command: e, depends_on: {d: {}}}
""",
    )
    ids = [each.id for each in spec.children]
    assert ids.index("c") < ids.index("a") < ids.index("b")
    assert notes == ["process-compose.yml:6: depends_on: goes in a circle"]


def test_words_that_begin_as_others_stay_words(tmp_path: Path) -> None:
    spec, _ = spec_of(
        tmp_path,
        "process-compose.yaml",
        "processes: {off: {command: trueness}, x: {command: y, environment: {A: true1, B: no}}}",
    )
    assert argv(child(spec, "off")) == ("trueness",)
    assert child(spec, "x").surroundings.env == {"A": "true1", "B": "no"}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("python3 -m http.server 80", ["python3", "-m", "http.server", "80"]),
        ("echo 'a b'", ["echo", "a b"]),
        ("puma -p $PORT", ["sh", "-c", "exec puma -p $PORT"]),
        ("puma -p ${PORT:-80}", ["sh", "-c", "exec puma -p $${PORT:-80}"]),
        ("a && b", ["sh", "-c", "a && b"]),
        ("a `b`", ["sh", "-c", "a `b`"]),
        ("A=1 b", ["sh", "-c", "A=1 b"]),
        ("cd x", ["sh", "-c", "cd x"]),
        ("it's", ["sh", "-c", "it's"]),
    ],
)
def test_only_what_has_syntax_for_a_shell_gets_one(line: str, command: list[str]) -> None:
    assert command_of(line) == command


# ---- whatever stands in a file, its tree loads -------------------------------------------------

WORD = st.text(
    alphabet=string.ascii_letters + string.digits + " $%{}()'\"\\/.,:;=&|#<>-_@!é\t", max_size=20
)
NUMBER = st.one_of(st.integers(-3, 10**12).map(str), WORD)
CHOICE = st.sampled_from(
    ["true", "false", "unexpected", "QUIT", "KILL", "9", "NONE", "off", "", "/a b", "022"]
)
KEYS = [
    *("command", "process_name", "numprocs", "numprocs_start"),
    *("priority", "autostart", "startsecs", "startretries"),
    *("autorestart", "exitcodes", "stopsignal", "stopwaitsecs"),
    *("stopasgroup", "user", "directory", "umask"),
    *("environment", "redirect_stderr", "stdout_logfile", "stdout_logfile_maxbytes"),
    *("stdout_logfile_backups", "other"),
]
PROGRAM = st.dictionaries(st.sampled_from(KEYS), st.one_of(NUMBER, CHOICE), max_size=8)


@pytest.fixture
def _few_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write ten processes for ``numprocs: 999``: a thousand of each take seconds."""
    for module in ("process_compose", "supervisord"):
        monkeypatch.setattr(f"otpy.importing.{module}.MOST_COPIES", 10)


def any_file(examples: int) -> settings:
    return settings(
        max_examples=examples, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )


def loads(name: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(text)
        try:
            tree = import_file(str(file))
        except CannotImport:
            return
        (Path(folder) / "tree.yaml").write_text(tree_text(tree))
        load(Path(folder) / "tree.yaml", check_imports=False)
        assert all(note.line >= 1 for note in tree.notes)


@pytest.mark.usefixtures("_few_copies")
@any_file(50)
@given(st.dictionaries(st.sampled_from(["program:a", "program:b c", "group:g", "x"]), PROGRAM))
def test_every_supervisord_conf_is_a_tree(sections: dict[str, dict[str, str]]) -> None:
    lines = []
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in values.items())]
        lines += ["programs=a,b c"] * name.startswith("group")
    loads("supervisord.conf", "\n".join(lines))


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["web", "a-b", "release", "x"]), WORD)))
def test_every_procfile_is_a_tree(lines: list[tuple[str, str]]) -> None:
    loads("Procfile", "".join(f"{name}: {command}\n" for name, command in lines))


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 10**10), st.floats(), WORD),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORD, inner, max_size=3)),
    max_leaves=6,
)
PROBE = st.fixed_dictionaries(
    {},
    optional={
        "http_get": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("host", "scheme", "path", "port", "status_code"), ANY)
        ),
        "exec": st.fixed_dictionaries({}, optional={"command": ANY}),
        "period_seconds": ANY,
        "timeout_seconds": ANY,
        "failure_threshold": ANY,
    },
)
RESTART = st.sampled_from(["no", "always", "on_failure", "exit_on_failure"])
PROCESS: Any = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            (
                *("environment", "env_file", "working_dir", "depends_on", "log_location", "vars"),
                *("namespace", "replicas", "is_daemon", "disabled", "description", "entrypoint"),
                *("ready_log_line", "log_configuration", "anything"),
            ),
            ANY,
        ),
        "command": st.one_of(WORD, ANY),
        "availability": st.fixed_dictionaries(
            {},
            optional={
                "restart": st.one_of(RESTART, ANY),
                **dict.fromkeys(("backoff_seconds", "max_restarts", "exit_on_end"), ANY),
            },
        ),
        "shutdown": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("signal", "timeout_seconds", "command", "parent_only"), ANY)
        ),
        "readiness_probe": st.one_of(PROBE, ANY),
        "liveness_probe": PROBE,
    },
)


@pytest.mark.usefixtures("_few_copies")
@any_file(100)
@given(st.dictionaries(WORD, st.one_of(PROCESS, ANY), max_size=4), ANY, ANY)
def test_every_process_compose_is_a_tree(
    processes: dict[str, Any], environment: Any, shell: Any
) -> None:
    data = {"processes": processes, "environment": environment, "shell": shell}
    with contextlib.suppress(yaml.YAMLError):
        loads("process-compose.yaml", yaml.safe_dump(data))
