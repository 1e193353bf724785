"""What nodes under test have said so far, for the report of a test that fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_stories: list[tuple[str, Callable[[], str]]] = []


@contextmanager
def reported(title: str, story: Callable[[], str]) -> Iterator[None]:
    """Report `story()` under `title` if a test fails meanwhile."""
    entry = title, story
    _stories.append(entry)
    try:
        yield
    finally:
        _stories.remove(entry)


def sections() -> list[tuple[str, str]]:
    """Return a title and a text for each node or group of nodes that there is."""
    return [(title, text) for title, story in _stories if (text := _text_of(story))]


def _text_of(story: Callable[[], str]) -> str:
    try:
        return story()
    except Exception as error:  # noqa: BLE001 - the test's own failure is the one to report
        return f"cannot be read: {error!r}"
