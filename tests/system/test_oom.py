"""The count of the kernel's OOM killer says which SIGKILL was its own."""

from pathlib import Path

from otpy.system.oom import OomKills, counter_file


class Clock:
    now = 5000.5

    def __call__(self) -> float:
        return self.now


def test_an_end_is_explained_by_the_count_once(tmp_path: Path) -> None:
    counter, clock = tmp_path / "memory.events", Clock()
    counter.write_text("low 0\noom 7\noom_kill 3\noom_group_kill 0\n")
    kills = OomKills(counter, clock)
    assert not kills.explains_one()
    counter.write_text("low 0\noom 8\noom_kill 4\noom_group_kill 0\n")
    assert kills.explains_one()
    assert not kills.explains_one()
    counter.write_text("oom_kill 6\n")
    assert kills.explains_one()
    clock.now += 1
    assert kills.explains_one(), "two were killed together"
    counter.write_text("oom_kill 9\n")
    assert kills.explains_one()
    clock.now += 3
    assert not kills.explains_one(), "the others were nobody's that is supervised here"


def test_without_a_count_nothing_is_explained(tmp_path: Path) -> None:
    kills = OomKills(tmp_path / "gone")
    assert not kills.explains_one()
    (tmp_path / "gone").write_text("oom 1\n")
    assert not kills.explains_one()


def test_this_system_has_a_count() -> None:
    assert "oom_kill " in counter_file().read_text()
