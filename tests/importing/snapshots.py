"""Write what the files in `data` are imported as: ``python -m tests.importing.snapshots``."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from otpy.importing.detect import import_file
from otpy.importing.write import tree_text

DATA: Final = Path(__file__).parent / "data"
FILES: Final = {
    "classic": "supervisord.conf",
    "include": "supervisord.conf",
    "procfile": "Procfile",
    "compose": "process-compose.yaml",
}


def imported(name: str) -> tuple[str, str]:
    """Return the tree and the notes of a file; the present directory is its own."""
    tree = import_file(FILES[name])
    return tree_text(tree), "".join(f"{note}\n" for note in sorted(set(tree.notes)))


def _write() -> Iterator[str]:
    for name in FILES:
        os.chdir(DATA / name)
        tree, notes = imported(name)
        Path("expected.yaml").write_text(tree)
        Path("expected.notes").write_text(notes)
        yield name


if __name__ == "__main__":
    print(*_write())  # noqa: T201
