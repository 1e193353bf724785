"""The count of the kernel's OOM killer says which SIGKILL was its own."""

from pathlib import Path

from otpy.system.oom import OomKills, counter_file, logged_victims


class Clock:
    now = 5000.5

    def __call__(self) -> float:
        return self.now


def test_an_end_is_explained_by_the_count_once(tmp_path: Path) -> None:
    counter, clock = tmp_path / "memory.events", Clock()
    counter.write_text("low 0\noom 7\noom_kill 3\noom_group_kill 0\n")
    kills = OomKills(counter, clock, victims=lambda: None)
    assert not kills.explains(1)
    counter.write_text("low 0\noom 8\noom_kill 4\noom_group_kill 0\n")
    assert kills.explains(1)
    assert not kills.explains(1)
    counter.write_text("oom_kill 6\n")
    assert kills.explains(1)
    clock.now += 1
    assert kills.explains(1), "two were killed together"
    counter.write_text("oom_kill 9\n")
    assert kills.explains(1)
    clock.now += 3
    assert not kills.explains(1), "the others were nobody's that is supervised here"


def test_the_kernels_log_says_which_process_it_was(tmp_path: Path) -> None:
    counter = tmp_path / "vmstat"
    counter.write_text("oom_kill 3\n")
    kills = OomKills(counter, Clock(), victims=lambda: frozenset({7}))
    assert not kills.explains(7), "none has been killed since"
    counter.write_text("oom_kill 4\n")
    assert not kills.explains(8), "another process of the machine was"
    assert kills.explains(7)
    assert not kills.explains(7)
    counter.write_text("oom_kill 5\n")
    assert kills.explains(None)


def test_the_log_of_this_system_can_be_read_or_not() -> None:
    victims = logged_victims()
    assert victims is None or all(pid > 0 for pid in victims)


def test_without_a_count_nothing_is_explained(tmp_path: Path) -> None:
    kills = OomKills(tmp_path / "gone", victims=lambda: None)
    assert not kills.explains(1)
    (tmp_path / "gone").write_text("oom 1\n")
    assert not kills.explains(1)


def test_this_system_has_a_count() -> None:
    assert "oom_kill " in counter_file().read_text()
