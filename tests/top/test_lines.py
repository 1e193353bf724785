"""Which lines ``otpy top`` shows: the tree, folded, filtered or sorted."""

import msgspec

from otpy.cli.statistics_view import Load
from otpy.top.columns import shown_columns
from otpy.top.lines import View, lines_of, state_text, uptime_text


def load(path: str, **fields: object) -> Load:
    kind = "supervisor" if path in ("", "pool", "pool/sub") else "worker"
    plain = Load(
        path=path, name=path or "root", kind=kind, state="running", pid=1, restarts=0, cpu=0.0
    )
    return msgspec.structs.replace(plain, **fields)


TREE = [
    load("@gateway"),
    load(""),
    load("pool"),
    load("pool/a", cpu=5.0),
    load("pool/sub"),
    load("pool/sub/b", cpu=9.0, state="failed"),
    load("last", cpu=1.0),
]


def names(view: View) -> list[str]:
    return [line.name for line in lines_of(TREE, view)]


def test_the_tree_is_indented() -> None:
    assert names(View()) == [
        "  @gateway",
        "- root",
        "  - pool",
        "      a",
        "    - sub",
        "        b",
        "    last",
    ]


def test_what_is_folded_says_how_much_it_hides() -> None:
    assert names(View().toggled("pool")) == ["  @gateway", "- root", "  + pool (3)", "    last"]
    assert names(View().toggled("")) == ["  @gateway", "+ root (5)"]
    both = View().toggled("pool").toggled("pool/sub")
    assert names(both) == names(View().toggled("pool"))
    assert names(both.toggled("pool"))[-3:] == ["      a", "    + sub (1)", "    last"]


def test_one_without_children_cannot_be_folded() -> None:
    assert names(View().toggled("last")) == names(View())


def test_a_filter_finds_names_and_states_and_shows_what_is_above() -> None:
    assert names(View(pattern="B")) == ["- root", "  - pool", "    - sub", "        b"]
    assert names(View(pattern="fail")) == names(View(pattern="b"))
    assert names(View(pattern="nothing")) == []
    folded = View(pattern="b").toggled("pool")
    assert "        b" in names(folded), "it was asked for"


def test_in_another_order_there_are_whole_paths() -> None:
    assert names(View(sort="cpu"))[:3] == ["pool/sub/b", "pool/a", "last"]
    assert names(View(sort="cpu", pattern="pool")) == [
        "pool/sub/b",
        "pool/a",
        "pool",
        "pool/sub",
    ]


def test_orders_come_one_after_another() -> None:
    view = View()
    seen = [view.sort]
    while (view := view.with_next_order(1)).sort != "tree":
        seen.append(view.sort)
    assert seen == ["tree", "cpu", "memory", "messages", "busy", "queue"]
    assert View().with_next_order(-1).sort == "queue"


def test_states_in_words() -> None:
    assert state_text(load("a"), 100.0) == "running"
    assert state_text(load("a", suspended=True), 100.0) == "suspended"
    assert state_text(load("a", state="backoff", retry_at=112.0), 100.0) == "backoff 12s"
    assert state_text(load("a", state="backoff", retry_at=99.0), 100.0) == "backoff 0ms"
    assert state_text(load("a", state="failed", suspended=True), 100.0) == "failed"
    assert uptime_text(load("a", started_at=40.0), 100.0) == "1m0s"
    assert uptime_text(load("a"), 100.0) == "-"


def test_where_there_is_no_room_columns_are_left_out() -> None:
    titles = {width: [each.title for each in shown_columns(width)[0]] for width in (20, 80, 200)}
    assert titles[20] == []
    assert titles[80] == ["STATE", "CPU%", "MEMORY", "MSG/S", "BUSY", "RESTARTS"]
    assert len(titles[200]) == 9
    for width in range(1, 201):
        columns, name = shown_columns(width)
        assert name + sum(each.width + 1 for each in columns) == max(width, 1)
        assert not columns or name >= 20
