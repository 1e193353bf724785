"""What is wrong before there is a field: files, syntax, keys, tags, aliases that are traps."""

from pathlib import Path

import pytest

from otpy.config import load
from otpy.errors import SpecError
from tests.config.folder import Folder, Told


def mistakes_of_file(path: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(path)
    return list(caught.value.mistakes)


def test_a_missing_file(folder: Folder) -> None:
    assert mistakes_of_file("gone.yaml") == ["gone.yaml: cannot be read: No such file or directory"]


def test_a_directory(folder: Folder) -> None:
    assert mistakes_of_file(".") == [".: cannot be read: Is a directory"]


def test_a_path_that_is_none(folder: Folder) -> None:
    assert mistakes_of_file("a\0b") == ["a\0b: cannot be read: embedded null byte"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            b"name: a\nid: \xff",
            "2:5: byte 0xff is not UTF-8, expected YAML text in UTF-8",
        ),
        (
            "children: []".encode("utf-16"),
            "1:1: byte 0xff is not UTF-8, expected YAML text in UTF-8",
        ),
        (
            b"\x7fELF\x02\x00",
            "1:1: character U+007F is not allowed, expected YAML text",
        ),
        (
            b"name: a\nb: \0",
            "2:4: character U+0000 is not allowed, expected YAML text",
        ),
        ("é: '\ufeff'".encode(), "1:5: character U+FEFF is not allowed, expected YAML text"),
        (b"", "1:1: the file is empty, expected a mapping with children"),
        (b"# nothing\n", "1:1: the file is empty, expected a mapping with children"),
    ],
)
def test_bytes(folder: Folder, data: bytes, line: str) -> None:
    Path("tree.yaml").write_bytes(data)
    assert mistakes_of_file("tree.yaml") == [f"tree.yaml:{line}"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a", "1:1: got a list at the top, expected a mapping with children"),
        ("a", "1:1: got 'a' at the top, expected a mapping with children"),
        ("\n  5", "2:3: got 5 at the top, expected a mapping with children"),
        ("~", "1:1: got nothing at the top, expected a mapping with children"),
        (
            "children:\n\t- id: a",
            "2:1: YAML syntax: a tab, expected spaces",
        ),
        (
            "children: [a",
            (
                "2:1: YAML syntax: did not find expected ',' or ']',"
                " while parsing a flow sequence from line 1"
            ),
        ),
        (
            "name: @a",
            "1:7: YAML syntax: found character that cannot start any token '@'; put it in quotes",
        ),
        (
            "name: a: b",
            "1:8: YAML syntax: mapping values are not allowed in this context",
        ),
        ("name: *a", "1:7: YAML syntax: found undefined alias"),
        (
            "children: []\n---\nchildren: []",
            "2:1: a second document, expected only one in the file",
        ),
        ("name: a\nname: b\nchildren: []", "2:1: the key 'name' again, expected it once"),
        ("name: !Name a\nchildren: []", "1:7: got the tag '!Name', expected plain YAML without it"),
        (
            "name: !!python/name:os.system\nchildren: []",
            "1:7: got the tag '!!python/name:os.system', expected plain YAML without it",
        ),
        ("children: !!set {}", "1:11: got the tag '!!set', expected plain YAML without it"),
        ("<<: 5\nchildren: []", "1:5: <<: expected a mapping or a list of mappings"),
        ("name: 2001-99-99\nchildren: []", "1:7: '2001-99-99' is no timestamp; put it in quotes"),
        ("name: !!int x\nchildren: []", "1:7: 'x' is no int; put it in quotes"),
        (f"name: {'9' * 5000}\nchildren: []", "1:7: a number of over 400 characters"),
        ("children: &a [*a]", "1:11: an alias inside what it names, expected no recursion"),
        (
            "children: &a\n- id: b\n  children: *a\n",
            "1:11: an alias inside what it names, expected no recursion",
        ),
        (f"children: {'[' * 5000}", "1:209: values nested over 200 deep, expected at most 200"),
        (f"{'- ' * 5000}", "1:399: values nested over 200 deep, expected at most 200"),
    ],
)
def test_text(told: Told, text: str, line: str) -> None:
    assert told(text) == [line]


def test_an_alias_bomb(told: Told) -> None:
    ten = [", ".join([f"*a{i}"] * 10) for i in range(30)]
    levels = ["a0: &a0 [x]", *(f"a{i + 1}: &a{i + 1} [{aliases}]" for i, aliases in enumerate(ten))]
    assert told("\n".join(levels)) == [
        "7:5: aliases make over 1000000 values of this, expected fewer"
    ]


def test_aliases_that_nest_deep(told: Told) -> None:
    levels = ["a0: &a0 []", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 5000))]
    assert told("\n".join(levels)) == ["201:7: values nested over 200 deep, expected at most 200"]


def test_a_mistake_behind_two_aliases_is_told_once(told: Told) -> None:
    text = "children:\n- &a {id: a, start: m:f, restart: x}\n- {<<: *a, id: b}\n"
    assert told(text) == [
        "2:35: restart: got 'x', expected permanent, transient or temporary",
    ]


def test_a_mistake_of_the_text_stands_beside_those_of_fields(told: Told) -> None:
    assert told("name: a\nname: b\nstrategy: x\nchildren: []") == [
        "2:1: the key 'name' again, expected it once",
        "3:11: strategy: got 'x', expected one_for_one, one_for_all, rest_for_one or dynamic",
    ]


def test_columns_count_characters(told: Told) -> None:
    assert told("{name: ééé, strategy: x, children: []}") == [
        "1:23: strategy: got 'x', expected one_for_one, one_for_all, rest_for_one or dynamic",
    ]


def test_a_file_over_the_limit_is_refused_at_once(folder: Folder) -> None:
    """5.7: 48 MB took 108 s."""
    assert folder.mistakes("# " + "x" * (4 << 20)) == [
        "1:1: the file has over 4 MiB, expected less"
    ]
    with pytest.raises(SpecError, match=r"^/dev/zero:1:1: the file has over 4 MiB, expected less"):
        load("/dev/zero")
