"""Draw the screenshots of `otpy top` that the documentation shows.

Usage: ``python scripts/screenshots.py [FOLDER]``, by default ``docs/how-to/images``. The tree that
is shown runs meanwhile, in a folder of its own.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import otpy
from otpy.top.app import TopApp

_ROOT: Final = Path(__file__).resolve().parent.parent
_FOLDER: Final = _ROOT / "docs" / "how-to" / "images"
_NAME: Final = "shop"
_TREE: Final = f"""
name: {_NAME}
max_restarts: infinity
children:
  - id: counters
    children:
      - {{id: visitors, start: 'otpy.examples.counter:Counter'}}
      - {{id: sales, start: 'otpy.examples.counter:Counter'}}
  - id: crawler
    command: [sh, -c, 'echo looking for offers; sleep 1; echo the shelf is empty >&2; exit 3']
    backoff: {{initial: 20s, max: 60s, jitter: 0, reset_after: 60s}}
  - id: printer
    command: [sh, -c, 'n=0; while sleep 0.3; do n=$((n+1)); echo printed page $n; done']
  - {{id: broken, command: ["false"], max_restarts: 0, on_give_up: stay_down}}
"""
_FONT: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""From another site: every reader of the page would ask it."""
_DARK: Final = "top.svg"
_LIGHT: Final = "top-light.svg"


@contextmanager
def running() -> Iterator[None]:
    """Run the node."""
    with tempfile.TemporaryDirectory(prefix="otpy-") as folder:
        os.environ["OTPY_DIR"] = folder
        tree = Path(folder) / "shop.yaml"
        tree.write_text(_TREE)
        command = [sys.executable, "-P", "-m", "otpy", "run", str(tree)]
        node = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT)
        assert node.stdout is not None
        try:
            while b" is up" not in (line := node.stdout.readline()):
                if not line:
                    sys.exit("the node did not come up")
            yield
        finally:
            node.terminate()
            node.communicate()


async def draw() -> dict[str, str]:
    """Draw the log of a child in the dark, and why another ended in the light."""
    app = TopApp(_NAME, interval=0.5)
    async with app.run_test(size=(110, 24)) as pilot:
        await _until(lambda: _has(app, "printer", "running"))
        _select(app, "printer")
        await pilot.press("l")
        await _until(lambda: "page 12" in app.pane.text())
        dark = await _drawn(app)
        await _until(lambda: _has(app, "crawler", "backoff"))
        _select(app, "crawler")
        await pilot.press("d", "w")
        await _until(lambda: "exit status 3" in app.pane.text())
        return {_DARK: dark, _LIGHT: await _drawn(app)}


async def _until(look: Callable[[], bool]) -> None:
    while not look():  # noqa: ASYNC110 - nothing says when something else is on the screen
        await asyncio.sleep(0.05)


def _has(app: TopApp, path: str, state: str) -> bool:
    return any((load.path, load.state) == (path, state) for load in app.loads)


def _select(app: TopApp, path: str) -> None:
    app.table.action_move(-len(app.loads))
    while app.table.selected != path:
        app.table.action_move(1)


async def _drawn(app: TopApp) -> str:
    with otpy.connect(_NAME) as node:  # so that there is a rate
        for _ in range(30):
            for _ in range(20):
                node["sales"].cast(("increment", 1))
            await asyncio.sleep(0.05)
    return _FONT.sub("", app.export_screenshot(title="otpy top", simplify=True))


def main() -> None:
    """Draw them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with running():
        drawn = asyncio.run(draw())
    for name, text in drawn.items():
        (folder / name).write_text(text)
        print(name)


if __name__ == "__main__":
    main()
