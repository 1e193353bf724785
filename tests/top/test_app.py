"""``otpy top`` with keys, of a real node (11.4)."""

import os
import re
import signal
from pathlib import Path

import pytest

import otpy
from otpy.cli.terminal import Terminal
from tests.support.node import Nodes
from tests.top.screen import Screen, shown

TREE_OF_ONE = "{name: lone, children: [{id: only, start: 'otpy.examples.counter:Counter'}]}"


@pytest.mark.usefixtures("watched")
def test_the_tree_with_every_state() -> None:
    async def test(screen: Screen) -> None:
        await screen.until(lambda: "failed" in screen.line("hopeless"), "the failed one")
        await screen.until(lambda: "backoff" in screen.line("waits"), "the one in backoff")
        title, *lines = screen.lines
        assert title.split() == [
            *("NAME", "STATE", "PID", "CPU%", "MEMORY", "MSG/S", "BUSY", "QUEUE"),
            *("RESTARTS", "UPTIME"),
        ]
        column = title.index("STATE")
        assert [line[:column].rstrip() for line in lines] == [
            *("  @gateway", "  @logger", "- root", "  - pool", "      first", "      second"),
            *("    chatty", "    victim", "    again", "    hopeless", "    waits"),
        ]
        assert re.search(r"backoff \d+m\d+s ", screen.line("waits")), "when it is tried again"
        await screen.until(lambda: "MiB" in screen.line("first"), "the memory of one")
        await screen.until(lambda: "0%" in screen.line("first"), "an idle one")
        await screen.until(lambda: screen.head.startswith("watched pid"), "the node")
        await screen.until(lambda: "1 failed" in screen.head, "how many have failed")

    shown("watched", test)


@pytest.mark.usefixtures("watched")
def test_folding_filtering_and_ordering() -> None:
    async def test(screen: Screen) -> None:
        screen.select("pool")
        await screen.press("left")
        await screen.until(lambda: "+ pool (2)" in "\n".join(screen.lines), "it folded")
        assert not screen.line("first")
        await screen.press("left", "right", "right")
        await screen.until(lambda: screen.line("first"), "it unfolded")
        await screen.press("slash", *"l", "slash", *"sec")
        await screen.until(lambda: len(screen.lines) == 4, "only what fits")
        await screen.press("enter")
        await screen.until(lambda: "only 'l/sec'" in screen.head, "what is looked for")
        await screen.press("escape")
        await screen.until(lambda: screen.line("first"), "all of it")
        await screen.press("M")
        await screen.until(lambda: "MEMORY*" in screen.lines[0], "the order of memory")
        await screen.until(lambda: screen.line("pool/first"), "whole paths")
        await screen.press("T")
        await screen.until(lambda: "- root" in "\n".join(screen.lines), "the tree")

    shown("watched", test)


@pytest.mark.usefixtures("watched")
def test_it_looks_more_often_or_less() -> None:
    async def test(screen: Screen) -> None:
        await screen.press("minus")
        await screen.until(lambda: "every 0.5 s" in screen.head, "a longer interval")
        await screen.press("minus", "plus", "plus")
        await screen.until(lambda: "every 0.25 s" in screen.head, "a shorter one")

    shown("watched", test)


@pytest.mark.usefixtures("watched")
def test_the_log_is_live(work: Path) -> None:
    async def test(screen: Screen) -> None:
        screen.select("chatty")
        with (work / "fifo").open("w") as fifo:
            await screen.press("l")
            await screen.until(lambda: "begun" in screen.app.pane.text(), "what was logged")
            print("you", file=fifo, flush=True)
            await screen.until(lambda: "heard you" in screen.app.pane.text(), "what is logged")
            screen.select("pool/first")
            nothing = "it has logged nothing yet"
            await screen.until(lambda: nothing in screen.app.pane.text(), "another's log")
            await screen.press("l")
            await screen.until(lambda: not screen.app.pane.display, "the pane closed")

    shown("watched", test)


@pytest.mark.usefixtures("watched")
def test_state_stack_and_ends() -> None:
    async def test(screen: Screen) -> None:
        pane = screen.app.pane
        screen.select("pool/first")
        await screen.press("v")
        await screen.until(lambda: pane.text().startswith("count"), "its state")
        await screen.press("t")
        await screen.until(lambda: "most recent call first" in pane.text(), "its stack")
        await screen.press("w")
        await screen.until(lambda: "it has never ended" in pane.text(), "that it never ended")
        screen.select("hopeless")
        await screen.until(lambda: "exit status 1" in pane.text(), "why another ended")
        await screen.press("v")
        await screen.until(lambda: "not a server" in pane.text(), "that it has no state")
        await screen.press("escape")
        await screen.until(lambda: not pane.display, "the pane closed")

    shown("watched", test)


def pid_of(name: str) -> int | None:
    with otpy.connect("watched") as node:
        return node[name].info().pid


@pytest.mark.usefixtures("watched")
def test_nothing_is_done_without_a_yes() -> None:
    before = pid_of("victim")

    async def test(screen: Screen) -> None:
        screen.select("victim")
        for key in ("x", "r", "K"):
            await screen.answer(key, "n")
        assert screen.notes == []

    shown("watched", test)
    assert pid_of("victim") == before


@pytest.mark.usefixtures("watched")
def test_actions() -> None:
    async def test(screen: Screen) -> None:
        screen.select("victim")
        pids = [screen.load("victim").pid]

        async def replaced() -> None:
            seen = (None, *pids)
            await screen.until(lambda: screen.load("victim").pid not in seen, "another process")
            pids.append(screen.load("victim").pid)

        await screen.answer("x", "y")
        await screen.noted("victim: stopped")
        await screen.until(lambda: "stopped" in screen.line("victim"), "it stopped")
        await screen.answer("a", "y")
        await screen.noted("victim: started, pid ")
        await replaced()
        await screen.answer("r", "y")
        await replaced()
        await screen.answer("K", "y")
        await screen.noted("victim: killed")
        await replaced()
        await screen.until(lambda: screen.load("victim").state == "running", "it runs")
        await screen.press("z")
        await screen.noted("victim: suspended")
        await screen.until(lambda: "suspended" in screen.line("victim"), "that it is suspended")
        await screen.press("z")
        await screen.noted("victim: resumed")
        await screen.until(lambda: "running" in screen.line("victim"), "that it is not any more")

    shown("watched", test)


@pytest.mark.usefixtures("watched")
def test_what_cannot_be_done_is_said() -> None:
    async def test(screen: Screen) -> None:
        screen.select("@gateway")
        await screen.press("x")
        await screen.noted("@gateway: it is no child of the tree")
        screen.select("pool/first")
        await screen.answer("a", "y")
        await screen.noted("it runs; `otpy stop` stops it")

    shown("watched", test)


@pytest.mark.usefixtures("watched")
def test_a_gateway_that_is_killed_comes_back() -> None:
    async def test(screen: Screen) -> None:
        screen.select("@gateway")
        await screen.answer("K", "y")
        await screen.noted("the gateway has ended and is back")
        await screen.until(lambda: "watched pid" in screen.head, "the node")

    shown("watched", test)


def test_a_supervisor_that_is_stopped_holds_up_nothing(watched: Terminal) -> None:
    async def test(screen: Screen) -> None:
        pid = pid_of("pool")
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            await screen.until(lambda: screen.load("pool/first").rate is None, "no statistics")
            await screen.until(lambda: screen.load("victim").rate is not None, "those of others")
            screen.select("pool/first")
            await screen.press("question_mark")
            await screen.until(lambda: screen.app.screen.is_modal, "the help")
            await screen.press("escape")
        finally:
            os.kill(pid, signal.SIGCONT)
        await screen.until(lambda: screen.load("pool/first").rate is not None, "all statistics")

    shown("watched", test)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_node_that_ends_and_comes_back(nodes: Nodes, number: int) -> None:
    node = nodes.run(TREE_OF_ONE)

    async def test(screen: Screen) -> None:
        node.send(number)
        await screen.until(lambda: "lone does not run: waiting" in screen.head, "that it is gone")
        assert "only" in screen.line("only"), "what was there last"
        nodes.gone()
        again = nodes.run(TREE_OF_ONE)
        await screen.until(lambda: f"lone pid {again.pid}" in screen.head, "the next one")
        await screen.noted(f"node lone runs again, pid {again.pid}")

    shown("lone", test)


@pytest.mark.usefixtures("watched")
def test_what_does_not_fit_is_reached_by_scrolling() -> None:
    async def test(screen: Screen) -> None:
        assert len(screen.lines) < 8
        await screen.press("end")
        await screen.until(lambda: screen.line("waits"), "the last")
        await screen.press("home")
        await screen.until(lambda: screen.line("@gateway"), "the first")
        await screen.press("pagedown", "pagedown", "pagedown", "pageup")
        await screen.press("j", "k", "down", "up")
        await screen.pilot.resize_terminal(200, 50)
        await screen.until(lambda: len(screen.lines) == 12, "all of it")
        assert "UPTIME" in screen.lines[0]
        await screen.pilot.resize_terminal(30, 8)
        await screen.until(lambda: "PID" not in screen.lines[0], "less of it")

    shown("watched", test, size=(80, 9))


@pytest.mark.usefixtures("watched")
def test_it_quits() -> None:
    async def test(screen: Screen) -> None:
        await screen.press("d", "d", "q")
        await screen.until(lambda: not screen.app.is_running, "its end")

    shown("watched", test)
